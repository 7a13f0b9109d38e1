"""Ask a venue about a key."""

from collections.abc import Sequence

from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.domain.accounts.credential import Credential, Secrets
from cadenza.domain.accounts.trading_account import ExternalAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.venue import VERIFY_MS_MAX, VenueConnector


async def reached_accounts(
    connector: VenueConnector,
    credential: Credential,
    secrets: Secrets,
    key_rights: WatchKeyRights,
    concurrency: Concurrency,
) -> Sequence[ExternalAccount]:
    """Return the accounts that a credential reaches with these secrets. A key that may withdraw raises an alarm
    (`WatchKeyRights`). Raises `CredentialRejected`, and `VenueUnavailable`, also when the venue takes longer than
    `VERIFY_MS_MAX`."""
    key = await concurrency.within(VERIFY_MS_MAX, connector.verify(credential.type, secrets))
    if key is None:
        raise VenueUnavailable(f"{credential.venue_id} did not verify the key within {VERIFY_MS_MAX} ms")
    key_rights.look(credential, key.rights)
    return key.accounts
