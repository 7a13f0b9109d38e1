"""Set the limits of an account's new orders, and read them."""

from dataclasses import dataclass, replace

from cadenza.application.accounts.change_account import AccountChange
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.committer import Committer
from cadenza.application.tenancy import own_account, require_own_account
from cadenza.domain.accounts.risk_limits import AccountRisk, RiskLimits
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import RiskNotMeasurable
from cadenza.domain.evolve import evolve
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.risk import DAY_MS, is_day_unmeasured, with_day_measured
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys


@dataclass(frozen=True, slots=True)
class SetLimits:
    """The change. The day's measurement goes on if the new limits measure the same."""

    account_id: TradingAccountId
    limits: RiskLimits | None

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.limiting.add(self.account_id)

    def decide(self, state: TradingState) -> TradingAccount:
        return AccountChange(self.account_id, self._limited, None).decide(state)

    def _limited(self, account: TradingAccount, now_ms: int) -> TradingAccount:
        account.require_connected()
        known = None if account.risk is None else account.risk.limits
        if known == self.limits:
            return account
        return evolve(account, risk=_replaced(account.risk, self.limits), updated_at_ms=now_ms)


def _replaced(risk: AccountRisk | None, limits: RiskLimits | None) -> AccountRisk | None:
    if limits is None:
        return None
    measured = (limits.currency, limits.excluded_assets)
    if risk is None or (risk.limits.currency, risk.limits.excluded_assets) != measured:
        return AccountRisk(limits=limits)
    return replace(risk, limits=limits)


@dataclass(frozen=True, slots=True)
class MeasureDay:
    """The change: note the equity with which the account begins its day, if its prices are known."""

    account_id: TradingAccountId

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> None:
        account = state.account(self.account_id)
        if account.risk is None:
            return
        try:
            risk = with_day_measured(account.risk, account, state)
        except RiskNotMeasurable:
            return  # asked for again in the next round; until then an order that does not only close is refused
        if risk is not account.risk:
            state.put_account(evolve(account, risk=risk))


class SetRiskLimits:
    """The use case. It needs the scope admin, because a program must not lift its own limits."""

    def __init__(self, *, storage: Storage, committer: Committer, catalogue: Catalogue) -> None:
        self._storage = storage
        self._committer = committer
        self._catalogue = catalogue

    async def __call__(
        self, actor: Actor, account_id: TradingAccountId, limits: RiskLimits | None
    ) -> RiskLimits | None:
        """Replace all limits of the account; None removes them. Return them as they are now. Raises
        `TradingAccountNotFound`, `InstrumentNotFound`."""
        actor.require(Scope.ADMIN)
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, account_id)
        for instrument_id in () if limits is None else limits.order_quantity_max:
            self._catalogue.for_tenant(actor.tenant_id, instrument_id)
        account = await self._committer.commit(SetLimits(account_id, limits), actor.origin)
        if limits is not None and limits.daily_loss_max is not None:
            await self._committer.commit(MeasureDay(account_id))
        return None if account.risk is None else account.risk.limits


class GetRiskLimits:
    """The use case."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> RiskLimits | None:
        """Return the account's limits; None when it has none. Raises `TradingAccountNotFound`."""
        actor.require(Scope.READ)
        async with self._storage.read() as uow:
            account = await own_account(uow, actor, account_id)
        return None if account.risk is None else account.risk.limits


class MeasureDays:
    """One supervised loop calls `tick`: it notes the equity at the start of the day of every account that limits its
    daily loss, so that a loss between midnight and the first order counts."""

    def __init__(self, *, storage: Storage, committer: Committer, clock: Clock) -> None:
        self._storage = storage
        self._committer = committer
        self._clock = clock

    async def tick(self) -> None:
        async with self._storage.read() as uow:
            accounts = await uow.accounts.with_status([AccountStatus.ACTIVE, AccountStatus.SUSPENDED])
        today = self._clock.now_ms() // DAY_MS
        for account in accounts:
            if account.risk is not None and is_day_unmeasured(account.risk, today):
                await self._committer.commit(MeasureDay(account.id))
