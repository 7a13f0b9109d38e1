"""A trading account: a tenant's account at a venue, reached by credentials."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.accounts.risk_limits import AccountRisk
from cadenza.domain.errors import AccountDisconnected, AccountNotActive, TradingHalted
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import CredentialId, InstrumentId, TenantId, TradingAccountId, UserId, VenueId
from cadenza.domain.market.enums import Side


class AccountType(StrEnum):
    SPOT = "SPOT"
    MARGIN = "MARGIN"
    FUTURES = "FUTURES"
    OPTIONS = "OPTIONS"


class AccountStatus(StrEnum):
    """SETUP while connecting; ACTIVE trades; INACTIVE was disabled; LOCKED has no live credential; SUSPENDED has
    one that its venue does not accept at the moment; DISCONNECTED is archived for ever."""

    SETUP = "SETUP"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    LOCKED = "LOCKED"
    DISCONNECTED = "DISCONNECTED"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


class TradingMode(StrEnum):
    """Which new orders are taken; the interface calls it `tradingState`. ACTIVE: all. REDUCING: those that only close
    what the account holds. HALTED: none. Cancels are always taken."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"

    @property
    def strictness(self) -> int:
        """Return 0 for ACTIVE, and more the fewer orders are taken."""
        return _BY_STRICTNESS.index(self)


_BY_STRICTNESS = (TradingMode.ACTIVE, TradingMode.REDUCING, TradingMode.HALTED)


class CollateralMode(StrEnum):
    CROSS = "CROSS"
    ISOLATED = "ISOLATED"


class MarginMode(StrEnum):
    STANDARD = "STANDARD"
    PORTFOLIO = "PORTFOLIO"


class PositionMode(StrEnum):
    """NETTING: one position per instrument. HEDGE: a long and a short one, side by side."""

    NETTING = "NETTING"
    HEDGE = "HEDGE"


class PositionSide(StrEnum):
    """The row of an instrument that a position is in: the net one, or in hedge mode the long or the short one."""

    NET = "NET"
    LONG = "LONG"
    SHORT = "SHORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccount:
    """An account as the venue describes it."""

    external_id: str
    type: AccountType
    external_type: str
    position_mode: PositionMode | None = None
    collateral_mode: CollateralMode | None = None
    margin_mode: MarginMode | None = None
    max_leverage: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnconfirmedFill:
    """What was executed at a venue that keeps the books, and that its newest word of the balance or position does not
    contain yet. `quantity` is in the instrument's units and positive; `position_side` is the row that the fill changed.
    `executed_at_ms` is the venue's instant of the fill, or of the last one if it stands for several."""

    instrument_id: InstrumentId
    base_asset: str
    side: Side
    position_side: PositionSide | None
    quantity: Decimal
    executed_at_ms: int


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class TradingAccount:
    """An account as we keep it. `last_sequence` is the offset of the newest event in its log.

    `adopted_at_ms` is the venue's instant of the snapshot from which our ledger continues. The snapshot contains all
    fills up to that instant. It is None while there is no snapshot to continue from; no report is applied then.
    `former_adopted_at_ms` is what it was before, from when the account is about to be connected again until it has a
    snapshot: a ledger of ours continues from there if the venue's snapshot turns out to have no balances.
    `complete_until_ms` is the venue's instant up to which everything that the venue reported has been applied. When a
    session opens, it asks the venue for everything later. It moves back only to where a gap begins. It stays when a
    locked account is connected again.

    `trading_mode` was set for this account and `tenant_trading_mode` for its tenant; the stricter one counts.
    `risk` is None while no limits are set. `unconfirmed` is always empty where our ledger keeps the books.
    """

    id: TradingAccountId
    tenant_id: TenantId
    user_id: UserId
    venue_id: VenueId
    nickname: str
    external: ExternalAccount
    credential_ids: tuple[CredentialId, ...]
    status: AccountStatus
    created_at_ms: int
    updated_at_ms: int
    last_sequence: int = 0
    adopted_at_ms: int | None = None
    complete_until_ms: int | None = None
    former_adopted_at_ms: int | None = None
    trading_mode: TradingMode = TradingMode.ACTIVE
    tenant_trading_mode: TradingMode = TradingMode.ACTIVE
    risk: AccountRisk | None = None
    unconfirmed: tuple[UnconfirmedFill, ...] = ()

    @property
    def effective_trading_mode(self) -> TradingMode:
        """The stricter of the account's mode and its tenant's."""
        if self.trading_mode is self.tenant_trading_mode:
            return self.trading_mode
        return max(self.trading_mode, self.tenant_trading_mode, key=lambda mode: mode.strictness)

    @property
    def needs_claims(self) -> bool:
        """Whether a decision about a new order needs the claims of the account's open orders."""
        return self.is_margined or self.risk is not None or self.effective_trading_mode is TradingMode.REDUCING

    @property
    def is_margined(self) -> bool:
        """Fills make positions instead of moving both assets."""
        return self.external.type is not AccountType.SPOT

    @property
    def position_mode(self) -> PositionMode:
        return self.external.position_mode or PositionMode.NETTING

    def require_active(self) -> None:
        """Raise `AccountDisconnected` or `AccountNotActive` unless the account takes new orders."""
        self.require_connected()
        if self.status is not AccountStatus.ACTIVE:
            raise AccountNotActive(f"the trading account is {self.status.value}", {"status": self.status.value})

    def require_not_halted(self) -> None:
        """Raise `TradingHalted` while the account or its tenant takes no new orders."""
        if self.effective_trading_mode is TradingMode.HALTED:
            whose = "the trading account's" if self.trading_mode is TradingMode.HALTED else "the tenant's"
            raise TradingHalted(f"{whose} tradingState is HALTED: no new orders are taken")

    def require_connected(self) -> None:
        """Raise `AccountDisconnected` when the account was archived."""
        if self.status in (AccountStatus.DISCONNECTED, AccountStatus.DELETED):
            raise AccountDisconnected("the trading account was disconnected; connect it again to get a new one")

    def with_status(self, status: AccountStatus, at_ms: int) -> "TradingAccount":
        return evolve(self, status=status, updated_at_ms=at_ms)
