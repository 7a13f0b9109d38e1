"""What it means that a fill is reported whose trade is booked already.

Mostly it says the same again, and changes nothing. It may bring the fees that an earlier report left out, and the
venue's own report replaces what an operator stated. Anything else contradicts what is booked. Corrections and later
fees have reports of their own, which win by their instants.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from cadenza.domain.trading.execution import Execution, Fee, add_fees
from cadenza.domain.trading.reports import FillCorrectedReport, FillReport, FoundFillReport


def contradicts(known: Execution, report: FillReport) -> bool:
    """Whether the report states another price, quantity or fee than the booked execution of its trade. A fill from
    before a correction does not contradict it, and neither does one without fees."""
    if known.is_by_operator or known.corrected_at_ms is not None or isinstance(report, FillCorrectedReport):
        return False
    if (report.price, report.quantity) != (known.price, known.quantity):
        return True
    if not report.fees or known.fees_at_ms is not None:
        return False
    if not known.fees:
        return isinstance(report, FoundFillReport)
    return _totals(report.fees) != _totals(known.fees)


def restated(known: Execution, report: FillReport) -> Execution:
    """Return the execution after a fill of its trade that does not contradict it and is no correction."""
    has_later_fees = known.fees_at_ms is not None
    if known.is_by_operator:
        has_fees_of_operator = bool(known.fees) and not report.fees and not has_later_fees
        return replace(
            known,
            price=report.price,
            quantity=report.quantity,
            fees=known.fees if has_later_fees else report.fees or known.fees,
            liquidity=report.liquidity or known.liquidity,
            executed_at_ms=report.at_ms,
            position_side=report.position_side or known.position_side,
            is_by_operator=has_fees_of_operator or isinstance(report, FoundFillReport),
        )
    if known.fees or has_later_fees or known.corrected_at_ms is not None:
        return known
    return replace(known, fees=report.fees)


def is_repetition(known: Execution, report: FillReport) -> bool:
    """Whether a fill of the execution's trade changes nothing."""
    is_correction = isinstance(report, FillCorrectedReport)
    return not is_correction and not contradicts(known, report) and restated(known, report) == known


def _totals(fees: Iterable[Fee]) -> dict[str, Decimal]:
    return {fee.asset: fee.quantity for fee in add_fees((), tuple(fees)) if fee.quantity}
