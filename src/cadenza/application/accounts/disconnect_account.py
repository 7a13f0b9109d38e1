"""Disconnect an account: its stream stops, it never trades again, its history stays."""

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.views import AccountView
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.operation import OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import TradingAccountId


class DisconnectAccount:
    """The use case. Orders that still work at the venue stay there; cancel them first if they should not."""

    def __init__(self, *, changer: AccountChanger, sessions: Sessions) -> None:
        self._changer = changer
        self._sessions = sessions

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> AccountView:
        actor.require(Scope.WRITE)
        view = await self._changer.change(actor, account_id, OperationType.DISCONNECT, disconnected)
        await self._sessions.close(account_id)
        return view


def disconnected(account: TradingAccount, now_ms: int) -> TradingAccount:
    """Any connected state → DISCONNECTED, for ever."""
    account.require_connected()
    return account.with_status(AccountStatus.DISCONNECTED, now_ms)
