"""Keys that their venue no longer accepts: the account says so, an operator is alarmed, and new orders are refused with
what to do."""

from cadenza.application.accounts.change_account import AccountChange, Transition
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import CredentialRejected
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.alarms import Alarm, Alarms


class RefusedKeys:
    """Follows whether a venue accepts the key of an account. Only the venue's refusal of a key counts: an account that
    does not reach its venue for another cause keeps its status."""

    def __init__(self, *, sessions: Sessions, committer: Committer, alarms: Alarms) -> None:
        self._sessions = sessions
        self._committer = committer
        self._alarms = alarms

    async def refused(self, account: TradingAccount, signer: Credential, cause: CredentialRejected) -> None:
        """Note that the venue does not accept the account's key. An ACTIVE account becomes SUSPENDED. The alarm sounds
        once, until the key is accepted."""
        name = signer.nickname or str(signer.id)
        facts = {
            "account_id": account.id,
            "credential_id": signer.id,
            "credential": name,
            "venue": str(account.venue_id),
            "cause": cause.message,
        }
        if account.id not in self._sessions.refused_keys:
            self._alarms.sound(Alarm.KEY_REFUSED, facts)
        self._sessions.refused_keys[account.id] = CredentialRejected(
            f"{account.venue_id} does not accept the credential {name!r} ({cause.message}); rotate it to a key that "
            "the venue accepts, or enable this one at the venue. Nothing was sent",
            {"credentialId": str(signer.id)},
        )
        await self._change(account.id, _suspended)

    async def accepted(self, account: TradingAccount) -> None:
        """Note that the venue accepts the account's key: a SUSPENDED account becomes ACTIVE."""
        self._sessions.refused_keys.pop(account.id, None)
        if account.status is AccountStatus.SUSPENDED:
            await self._change(account.id, _resumed)

    async def _change(self, account_id: TradingAccountId, transition: Transition) -> None:
        await self._committer.commit(AccountChange(account_id, transition, None))


def _suspended(account: TradingAccount, now_ms: int) -> TradingAccount:
    is_active = account.status is AccountStatus.ACTIVE
    return account.with_status(AccountStatus.SUSPENDED, now_ms) if is_active else account


def _resumed(account: TradingAccount, now_ms: int) -> TradingAccount:
    is_suspended = account.status is AccountStatus.SUSPENDED
    return account.with_status(AccountStatus.ACTIVE, now_ms) if is_suspended else account
