"""A page of a list: what is cut off, and where the next one begins."""

from uuid import UUID

import pytest

from cadenza.application.paging import CursorCodec, page_of
from cadenza.domain.errors import InvalidCursor

CURSORS = CursorCodec(b"key")
ID = UUID(int=7)


@pytest.mark.parametrize(
    ("found", "items", "next_cursor"), [("", "", None), ("abc", "abc", None), ("abcd", "abc", "c")]
)
def test_one_more_than_the_limit_shows_that_there_is_a_next_page(found: str, items: str, next_cursor: str) -> None:
    page = page_of(list(found), total=9, offset=2, limit=3, cursor_of=str)
    assert (page.items, page.next_cursor, page.has_next) == (list(items), next_cursor, next_cursor is not None)
    assert (page.total, page.offset, page.limit) == (9, 2, 3)


def test_a_cursor_leads_back_to_its_position() -> None:
    assert CURSORS.decode(CURSORS.encode(1_790_000_000_123, ID, "orders|x"), "orders|x") == (1_790_000_000_123, ID)


def test_a_cursor_that_was_changed_or_belongs_to_other_filters_or_another_key_is_refused() -> None:
    cursor = CURSORS.encode(1_790_000_000_123, ID, "orders|x")
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for text, filters in ((cursor, "orders|y"), (changed, "orders|x"), ("", "orders|x"), ("ä" * 48, "orders|x")):
        with pytest.raises(InvalidCursor):
            CURSORS.decode(text, filters)
    with pytest.raises(InvalidCursor):
        CursorCodec(b"another").decode(cursor, "orders|x")
