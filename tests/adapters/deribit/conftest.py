"""What tests of DERIBIT share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.adapters.deribit.labels_world import Labels
from tests.deribit_kit import open_deribit_desk, simulated_deribit


@pytest.fixture
async def labels(tmp_path: Path) -> AsyncIterator[Labels]:
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue) as desk:
        yield Labels(desk)
