"""What can go wrong at a venue that runs in this process."""

import pytest

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.errors import VenueUnavailable
from cadenza.ports.venue import VenueConnector
from tests.conformance.harness import credential_type
from tests.inhouse_kit import MemoryLedger


async def failing_commit(disk: MemoryLedger, connector: VenueConnector) -> None:
    """Have the database refuse a commit, by a key that would open new accounts: the venue goes down for a moment."""
    disk.failures.append("lost")
    with pytest.raises(VenueUnavailable):
        await connector.verify(credential_type(connector.spec), Secrets("a key never seen", "x", None))
