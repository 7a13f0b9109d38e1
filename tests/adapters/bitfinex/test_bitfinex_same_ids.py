"""Two accounts of one user whose ids have the same mark: the venue takes the same `cid` from both. Whichever of their
orders is found or heard of, each is recognized by its terms."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.bitfinex_kit import BitfinexDesk, open_bitfinex_desk, simulated_bitfinex
from tests.inhouse_kit import RecordingSink, kinds, replayed, trading_account, until
from tests.simulated_kit import SEND_WITHIN_MS, become
from tests.simulators.bitfinex.trader import BitfinexTrader

from cadenza.adapters.venues.bitfinex.spec import FENCE, MARK_BITS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import ExternalOrderReport, Report, UnknownOutcomeReport
from cadenza.runtime.local import SystemIds
from cadenza.simulators.bitfinex.wire.keys import make_bitfinex_key

OTHER_NUMBER = 1 + (1 << MARK_BITS)
"""The number of another account of ours, and of its mark that of the account 1."""


@dataclass
class Pair:
    """The account whose orders are looked at, and the other one."""

    ours: BitfinexDesk
    theirs: BitfinexDesk

    async def place_theirs(self, order: Order) -> Order:
        """The other account's order, under the number of ours."""
        sent = replace(order, account_id=self.theirs.account.id, sent_id=self.ours.order.sent_id)
        accepted, *_ = await self.theirs.session.submit(sent)
        heard = self.ours.sink
        await until(lambda: accepted.venue_order_id in _names(heard.reports), "its news")  # type: ignore[attr-defined]
        return replace(sent, venue_order_id=accepted.venue_order_id)  # type: ignore[attr-defined]

    async def lose(self, how: str = "reset_before") -> Sequence[Report]:
        """Our order's request or reply is lost."""
        await self.ours.venue.fault("order.submit", how)
        return await self.ours.session.submit(self.ours.order)

    async def cancels(self) -> int:
        """How many cancels the venue was asked for."""
        return sum(1 for each in await self.ours.venue.get("requests") if each["name"] == "order.cancel")

    async def past_fence(self) -> Sequence[Report]:
        """What the venue answers after the fence."""
        self.ours.venue.clock.advance(SEND_WITHIN_MS + FENCE.margin_ms)
        return await self.ours.session.lookup([self.ours.order])

    def become(
        self, *reports: Sequence[Report], are_late: bool = False, is_waiting: bool = False
    ) -> tuple[Order, list[Order]]:
        """What our order is by the reports and those of the stream, and the orders that were adopted. `are_late`: the
        reports come after those of the stream. `is_waiting`: some of it waits for what names our order."""
        kept = {KeepReason.NO_ORDER} if is_waiting else set()
        return become(self.ours, *reports, are_late=are_late, kept=kept)


def _names(reports: Sequence[Report]) -> set[str | None]:
    return {each.venue_order_id for each in reports if isinstance(each, ExternalOrderReport)}


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue) as ours:
        secrets, sink = venue.secrets(), RecordingSink()
        account = trading_account(ours.connector.spec.venue_id, ours.account.external, OTHER_NUMBER)
        session = await ours.connector.open_session(account, CredentialType.HMAC, secrets, sink)
        theirs = BitfinexDesk(venue, ours.connector, account, ours.instrument, session, sink)
        yield Pair(ours, theirs)


OTHER: dict[str, dict[str, Any]] = {
    "quantity": {"quantity": D("0.7")},
    "price": {"limit_price": D(59_980)},
    "side": {"side": Side.SELL, "limit_price": D(60_030)},
    "type": {"type": OrderType.STOP_LIMIT, "stop_price": D(60_100)},
    "post-only": {"time_in_force": TimeInForce.GTX, "quantity": D("0.3")},
}
PROVED = {"side", "type"}
"""What nobody amends: an order that differs in it is not ours, so asking can prove that ours is dead."""


@pytest.mark.parametrize("other", OTHER)
async def test_the_others_order_is_adopted_and_ours_stays_in_doubt(pair: Pair, other: str) -> None:
    lost = await pair.lose()
    theirs = await pair.place_theirs(replace(pair.ours.order, **OTHER[other]))
    early = await pair.ours.session.lookup([pair.ours.order])
    assert [(type(each), each.is_not_found) for each in early] == [(UnknownOutcomeReport, True)]  # type: ignore[attr-defined]
    order, adopted = pair.become(lost, early)
    assert (order.status, order.venue_order_id, order.is_in_doubt) == (OrderStatus.SUBMITTED, None, True)
    assert [(each.venue_order_id, each.quantity) for each in adopted] == [(theirs.venue_order_id, theirs.quantity)]
    late = await pair.past_fence()
    order, _ = pair.become(lost, early, late)
    if other in PROVED:
        assert order.status is OrderStatus.REJECTED
    else:
        assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
        assert "may be others'" in late[-1].cause  # type: ignore[attr-defined]


async def test_what_the_other_order_executes_is_its_own(pair: Pair) -> None:
    lost = await pair.lose()
    theirs = await pair.place_theirs(replace(pair.ours.order, quantity=D("0.7")))
    await pair.ours.fill(D("0.4"))
    await until(lambda: bool(pair.ours.sink.fills), "the execution")
    await pair.theirs.session.cancel(theirs)
    await until(lambda: "Canceled" in kinds(pair.ours.sink.reports), "the end")
    again = await replayed(pair.ours.session, pair.ours.order.created_at_ms - 1_000)
    order, (adopted,) = pair.become(lost, again)
    assert (order.status, order.executed_quantity, order.is_in_doubt) == (OrderStatus.SUBMITTED, 0, True)
    identified = await pair.ours.session.identify(pair.ours.instrument.id, theirs.venue_order_id or "")
    order, adopted_by_asking = pair.become(lost, identified, again)
    assert (order.executed_quantity, len(adopted_by_asking)) == (0, 1)
    assert adopted.venue_order_id == adopted_by_asking[0].venue_order_id == theirs.venue_order_id


OURS: dict[str, dict[str, Any]] = {
    "limit": {},
    "stop": {"type": OrderType.STOP, "limit_price": None, "stop_price": D(60_100)},
    "stop loss": {"type": OrderType.STOP_LOSS, "limit_price": None, "stop_price": D(60_100)},
    "stop limit": {"type": OrderType.STOP_LIMIT, "stop_price": D(60_100), "limit_price": D(60_200)},
    "post-only": {"time_in_force": TimeInForce.GTX},
    "immediate": {"time_in_force": TimeInForce.IOC, "limit_price": D(60_010)},
    "market": {"type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "limit_price": None},
}


UNLIKE: dict[str, tuple[str, dict[str, Any]]] = {
    "at the market, theirs rests": ("market", {"type": OrderType.LIMIT, "limit_price": D(50_000)}),
    "a stop, theirs is at the market": ("stop", {"type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}),
    "a stop, theirs rests": ("stop", {"type": OrderType.LIMIT, "limit_price": D(50_000)}),
    "a stop, theirs has a limit": ("stop", {"type": OrderType.STOP_LIMIT, "limit_price": D(60_100)}),
}


@pytest.mark.parametrize("case", UNLIKE)
async def test_a_lost_order_never_becomes_one_of_another_type(pair: Pair, case: str) -> None:
    kind, theirs_terms = UNLIKE[case]
    pair.ours.order = replace(pair.ours.order, **OURS[kind])
    lost = await pair.lose()
    plain = {"stop_price": None, "time_in_force": TimeInForce.GTC}
    if theirs_terms["type"] is OrderType.STOP_LIMIT:
        plain["stop_price"] = pair.ours.order.stop_price
    theirs = await pair.place_theirs(replace(pair.ours.order, **{**plain, **theirs_terms}))
    found = await pair.ours.session.lookup([pair.ours.order])
    order, (adopted,) = pair.become(lost, found)
    assert (order.venue_order_id, order.executed_quantity, order.is_in_doubt) == (None, 0, True)
    assert (adopted.venue_order_id, adopted.type) == (theirs.venue_order_id, theirs.type)


@pytest.mark.parametrize("is_first", [True, False], ids=["ours first", "theirs first"])
@pytest.mark.parametrize("kind", OURS)
async def test_ours_is_found_beside_the_other(pair: Pair, kind: str, is_first: bool) -> None:
    pair.ours.order = replace(pair.ours.order, **OURS[kind])
    beside = pair.ours.limit("0.3", "59000")
    if not is_first:
        await pair.place_theirs(beside)
    lost = await pair.lose("reset_after")
    if is_first:
        await pair.place_theirs(beside)
    found = await pair.ours.session.lookup([pair.ours.order])
    (truth,) = {each for id, each in await pair.ours.stands() if id == pair.ours.order.sent_id and each != "NEW"} or {
        "NEW"
    }
    order, adopted = pair.become(lost, found)
    assert order.status.value == ("ACCEPTED" if truth == "NEW" else truth)
    assert [each.quantity for each in adopted] == [D("0.3")]


@pytest.mark.parametrize("other", OTHER)
async def test_our_cancel_leaves_the_others_order_alone(pair: Pair, other: str) -> None:
    """Ours is not there, or not yet. The venue would take off whatever has the number."""
    lost = await pair.lose()
    theirs = await pair.place_theirs(replace(pair.ours.order, **OTHER[other]))
    reports = await pair.ours.session.cancel(pair.ours.order)
    assert [each.cause for each in reports] == [  # type: ignore[attr-defined]
        "not canceled: an open order that has our id may be somebody else's, and is left alone"
    ]
    assert await pair.cancels() == 0
    order, (adopted,) = pair.become(lost, reports)
    assert (order.status, order.is_in_doubt) == (OrderStatus.SUBMITTED, True)
    assert (adopted.venue_order_id, adopted.status) == (theirs.venue_order_id, OrderStatus.ACCEPTED)


async def test_our_cancel_takes_off_ours_beside_the_others(pair: Pair) -> None:
    await pair.place_theirs(pair.ours.limit("0.3", "59000"))
    lost = await pair.lose("reset_after")
    reports = await pair.ours.session.cancel(pair.ours.order)
    await until(lambda: "Canceled" in kinds(pair.ours.sink.reports), "the end")
    found = await pair.ours.session.lookup([pair.ours.order])
    order, (adopted,) = pair.become(lost, reports, found)
    assert (order.status, adopted.status) == (OrderStatus.CANCELED, OrderStatus.ACCEPTED)


async def test_an_order_that_cannot_be_looked_for_is_not_canceled_by_our_id(pair: Pair) -> None:
    await pair.lose("reset_after")
    await pair.ours.venue.fault("orders", "reset_before")
    assert await pair.ours.session.cancel(pair.ours.order) == []
    assert await pair.cancels() == 0


async def test_ours_is_found_after_a_part_of_it_was_filled_and_the_rest_canceled(pair: Pair) -> None:
    lost = await pair.lose("reset_after")
    await pair.ours.fill(D("0.5"))
    await pair.place_theirs(replace(pair.ours.order, quantity=D("0.5")))
    await pair.ours.session.close()
    (ours, *_) = [each for each in (await pair.ours.venue.get("truth"))["orders"] if each["fills"]]
    await pair.ours.venue.post("orders", {"order_id": ours["order_id"], "ending": "RSN_DUST"})
    await pair.ours.again()
    found = await pair.ours.session.lookup([pair.ours.order])
    order, _ = pair.become(lost, found)
    assert (order.status, order.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))


async def test_an_order_of_ours_that_somebody_amends_before_we_know_its_name_is_never_dead(pair: Pair) -> None:
    """The venue lists it with the amended terms. It could just as well be another account's order."""
    desk = pair.ours
    key = make_bitfinex_key("main", SystemIds())
    desk.venue.simulator.venue.keys.add(key)
    await desk.venue.post("faults", {"events": [{"on": "user", "event": "on", "kind": "drop"}]})
    lost = await pair.lose("reset_after")
    async with BitfinexTrader(desk.venue.simulator, key) as trader:
        (row,) = await trader.open_orders()
        assert (await trader.update(id=row[0], amount="0.6")).status == 200
    late = await pair.past_fence()
    assert kinds(late)[-1] == "UndeterminedOutcome"
    order, (adopted,) = pair.become(lost, late)
    assert (order.doubt, adopted.quantity) == (Doubt.UNDETERMINED, D("0.6"))
