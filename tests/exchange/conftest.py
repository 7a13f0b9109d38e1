"""Both engines run every scenario: the fast one and its naive twin."""

from __future__ import annotations

import pytest

from tests.exchange.matching_world import ENGINES, Engine


@pytest.fixture(params=ENGINES, ids=["fast", "naive"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made
