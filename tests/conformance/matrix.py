"""Which case of the suite runs at which venue, made from what the cases need and what the venues have."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from tests.conformance.harness import Needed
from tests.conformance.lacks import missing_at
from tests.conformance.venues import VENUES
from tests.scripted.specs import SUITE_KINDS

FILES = sorted(Path(__file__).parent.glob("test_*.py"))
_CASE = re.compile(r"test_tc_([a-z]\d\d)_(\w+)")
_ACCOUNTS = {
    "BINANCE": "BINANCE SPOT",
    "OKX": "OKX SPOT",
    "DERIBIT": "DERIBIT FUTURES",
    "BITFINEX": "BITFINEX SPOT",
    "BITFINEX_UAT": "BITFINEX_UAT SPOT",
}
"""What accounts a venue under test trades with, where its name does not say so."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the suite: its number, its words, and what it needs."""

    number: str
    words: str
    needed: tuple[Needed, ...]


def cases() -> Iterator[Case]:
    for path in FILES:
        module = import_module(f"tests.conformance.{path.stem}")
        for name, case in vars(module).items():
            if (found := _CASE.fullmatch(name)) is not None:
                marks = [getattr(module, "pytestmark", None), *getattr(case, "pytestmark", ())]
                needed = tuple(each for mark in marks if _is_needs(mark) for each in mark.args)
                yield Case(found[1].upper(), found[2].replace("_", " "), needed)


def case_table() -> str:
    """A row for each case, a column for each kind of account that users can trade with: ● where the case runs, else the
    letters of the reasons why it does not, which are given below."""
    tested = {name: make() for name, make in VENUES.items() if name not in SUITE_KINDS}
    letters: dict[str, str] = {}
    rows = []
    for case in sorted(cases(), key=lambda case: case.number):
        cells = []
        for venue in tested.values():
            reasons = missing_at(venue, case.needed)
            for reason in reasons:
                letters.setdefault(reason, _letter(len(letters)))
            cells.append(" ".join(letters[reason] for reason in reasons) or "●")
        rows.append(_row([case.number, case.words, *cells]))
    names = [_ACCOUNTS.get(name, name) for name in tested]
    return "\n".join(
        [
            _row(["case", "", *names]),
            _row(["---"] * (len(names) + 2)),
            *rows,
            "",
            "Why a case does not run there:",
            "",
            *(f"- **{letter}**: {reason}" for reason, letter in letters.items()),
        ]
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _letter(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number] if number < 26 else f"a{_letter(number - 26)}"


def _is_needs(mark: object) -> bool:
    return isinstance(mark, pytest.Mark | pytest.MarkDecorator) and mark.name == "needs"
