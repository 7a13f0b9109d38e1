"""Ask a venue about a key."""

from collections.abc import Sequence

from cadenza.domain.accounts.credential import Credential, Secrets
from cadenza.domain.accounts.trading_account import ExternalAccount
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.venue import VenueConnector


async def reached_accounts(
    connector: VenueConnector, credential: Credential, secrets: Secrets, alarms: Alarms
) -> Sequence[ExternalAccount]:
    """Return the accounts that a credential reaches with these secrets. A key that may withdraw raises an alarm. Raises
    `CredentialRejected`, `VenueUnavailable`."""
    key = await connector.verify(credential.type, secrets)
    if key.rights is not None and key.rights.may_withdraw:
        facts = {"credential_id": credential.id, "venue": str(credential.venue_id)}
        alarms.sound(Alarm.KEY_MAY_WITHDRAW, facts)
    return key.accounts
