"""The venues' pages say what the venues are."""

import pytest

from tests.conformance.documents import BEGIN, END, INDEX, capability_tables, page_of, tables_of, with_tables
from tests.conformance.matrix import case_table
from tests.conformance.venues import DOCUMENTED
from tests.scripted.specs import LATE_STOPS, SUITE_KINDS, Kind, instruments_of


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_the_page_shows_what_the_venue_declares(name: str) -> None:
    page = page_of(name).read_text()
    assert BEGIN in page
    assert END in page
    wanted = with_tables(page, await tables_of(DOCUMENTED[name]()))
    assert page == wanted, "run python -m tests.conformance.documents"


def test_the_index_shows_which_case_runs_where() -> None:
    page = INDEX.read_text()
    assert page == with_tables(page, case_table()), "run python -m tests.conformance.documents"


def test_every_page_is_of_a_venue_under_test() -> None:
    pages = {path.name for path in page_of("any").parent.glob("*.md")} - {"README.md"}
    assert pages == {page_of(name).name for name in DOCUMENTED}


@pytest.mark.parametrize("kind", SUITE_KINDS.values(), ids=list(SUITE_KINDS))
def test_the_tables_can_say_what_any_venue_declares(kind: Kind) -> None:
    tables = capability_tables(kind.spec, instruments_of(kind.spec))
    asked = "not possible" if kind.spec.lookup is None else "possible"
    dead = "never" if kind.spec.fence is None else "s after its deadline"
    assert f"| asking about an order | {asked}" in tables
    assert dead in tables
    assert "stays in doubt" not in tables
    keeper = "the venue keeps them" if kind.has_venue_books else "our ledger keeps them"
    assert f"| balances and positions of SPOT accounts | {keeper} |" in tables


def test_the_tables_name_the_orders_that_are_never_dead() -> None:
    tables = capability_tables(LATE_STOPS.spec, instruments_of(LATE_STOPS.spec))
    assert "| an order without an answer that stays in doubt, in SPOT accounts | STOP: the venue may hold one" in tables
