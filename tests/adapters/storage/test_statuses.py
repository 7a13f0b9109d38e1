"""The migrations keep the statuses of orders as literal text, because a migration never changes with the code."""

from pathlib import Path

import pytest

import cadenza.adapters.storage.migrations as migrations
from cadenza.adapters.storage.statuses import EXPIRING_STATUSES, OPEN_STATUSES
from cadenza.domain.trading.enums import OrderStatus

MIGRATIONS = Path(next(iter(migrations.__path__))) / "versions"
SOURCES = Path(next(iter(migrations.__path__))).parent
INDEXED = [
    ("CREATE INDEX orders_open ON orders (account_id, created_at_ms, id)", f"WHERE status IN {OPEN_STATUSES}"),
    ("CREATE INDEX orders_expiring ON orders (expire_at_ms, id)", f"AND status IN {EXPIRING_STATUSES}"),
]


@pytest.mark.parametrize(("index", "condition"), INDEXED)
def test_an_index_has_the_statuses_of_the_queries(index: str, condition: str) -> None:
    text = (MIGRATIONS / "0001_trading.py").read_text()
    assert condition in text[text.index(index) :][:300]


def test_the_statuses_of_open_orders_stand_in_one_place() -> None:
    spelled = f"'{OrderStatus.PARTIALLY_FILLED.value}'"
    assert not [path.name for path in SOURCES.glob("*.py") if spelled in path.read_text()]
