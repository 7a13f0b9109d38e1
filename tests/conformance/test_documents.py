"""The venues' pages say what the venues are."""

import pytest

from tests.conformance.documents import BEGIN, END, capability_tables, page_of, with_tables
from tests.conformance.venues import VENUES


@pytest.mark.parametrize("name", VENUES)
async def test_the_page_shows_what_the_venue_declares(name: str) -> None:
    page = page_of(name).read_text()
    assert BEGIN in page
    assert END in page
    wanted = with_tables(page, capability_tables(await VENUES[name]().connector.instruments()))
    assert page == wanted, "run python -m tests.conformance.documents"


def test_every_page_is_of_a_venue_under_test() -> None:
    pages = {path.name for path in page_of("any").parent.glob("*.md")} - {"README.md"}
    assert pages == {page_of(name).name for name in VENUES}
