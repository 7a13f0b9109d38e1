"""Enum maps, both ways and without a default: what is not in a table is refused.

On the way in, `""` means "not given" where the interface has it, and `UNKNOWN` is refused as no client can mean it. On
the way out neither is ever sent (`quantityRounding` excepted, where `""` is a value). The schemas list them all the
same, because the interface does, and name those that are never sent or always refused.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from msgspec import Meta

from cadenza.application.orders.preview import PreviewOutcome
from cadenza.domain.accounts.balance import BalanceStatus
from cadenza.domain.accounts.credential import CredentialStatus, CredentialType
from cadenza.domain.accounts.operation import OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
    AccountType,
    CollateralMode,
    MarginMode,
    PositionMode,
    PositionSide,
    TradingMode,
)
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.origin import OriginKind
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import ExerciseStyle, InstrumentStatus, InstrumentType, SecurityType
from cadenza.domain.market.subscription import SubscriptionStatus, SubscriptionType
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus, QuantityType
from cadenza.domain.trading.events import EventKind
from cadenza.domain.trading.position import PositionStatus
from cadenza.domain.trading.venue_spec import Support
from cadenza.ports.venue import VenueStatus
from cadenza.wire.base import NEVER_SENT_KEY, REFUSED_KEY, SEVERAL_KEY

E = TypeVar("E", bound=StrEnum)


class EnumMap(Generic[E]):
    """One enum on the wire. `renamed` holds the members that are spelled differently there.

    `accepts_empty`: the interface lists `""`, which reads as None and is never sent.
    `also_listed`: members of the interface that mean nothing here. They are never sent, and reading refuses them.
    """

    def __init__(
        self,
        enum: type[E],
        *,
        renamed: Mapping[E, str] | None = None,
        accepts_empty: bool = False,
        also_listed: Sequence[str] = (),
    ) -> None:
        self.to_wire: dict[E, str] = {member: (renamed or {}).get(member, member.value) for member in enum}
        self._from_wire = {text: member for member, text in self.to_wire.items()}
        self.accepts_empty = accepts_empty
        self.also_listed = tuple(also_listed)

    @property
    def texts(self) -> list[str]:
        """The members that have a meaning here."""
        return list(self._from_wire)

    @property
    def listed(self) -> list[str]:
        """The members that the interface lists."""
        return [*([""] if self.accepts_empty else []), *self.texts, *self.also_listed]

    def write(self, member: E) -> str:
        return self.to_wire[member]

    def read(self, field: str, text: str) -> E:
        """Return the member. Raises `InvalidRequest`, which names the field and its values."""
        member = self._from_wire.get(text)
        if member is None:
            allowed = ", ".join(t for t in self._from_wire if t)
            raise InvalidRequest(
                f"{field}: {text[:64]!r} is not one of {allowed}", {"field": field, "allowed": self.texts}
            )
        return member

    def read_optional(self, field: str, text: str | None) -> E | None:
        """As `read`; None when not given, for which `""` stands too where the interface lists it."""
        if text is None or (text == "" and self.accepts_empty):
            return None
        return self.read(field, text)

    def read_several(self, field: str, text: str | None) -> frozenset[E]:
        """As `read`, for members that are joined by commas. None of them stands for none given."""
        return frozenset(self.read(field, item) for item in (text or "").split(",") if item)

    def sent(self) -> Meta:
        """Return the type of the field in responses."""
        return enum_sent(self.listed, never_sent=[text for text in self.listed if text not in self._from_wire])

    def received(self) -> Meta:
        """Return the type of the field in requests."""
        return enum_received(self.listed, refused=self.also_listed)

    def received_always(self) -> Meta:
        """As `received`, for a field that must be given: `""` is refused too."""
        return enum_received(self.listed, refused=[text for text in self.listed if text not in self._from_wire])


def enum_sent(listed: Sequence[str], *, never_sent: Sequence[str]) -> Meta:
    """Return the type of a field in responses that has the members `listed`."""
    return Meta(extra_json_schema={"enum": list(listed)} | ({NEVER_SENT_KEY: list(never_sent)} if never_sent else {}))


def enum_received(listed: Sequence[str], *, refused: Sequence[str]) -> Meta:
    """Return the type of a field in requests that has the members `listed`."""
    return Meta(extra_json_schema={"enum": list(listed)} | ({REFUSED_KEY: list(refused)} if refused else {}))


_NO_UNKNOWN = ("UNKNOWN",)

SIDE = EnumMap(Side, also_listed=_NO_UNKNOWN)
ORDER_TYPE = EnumMap(OrderType, accepts_empty=True, also_listed=_NO_UNKNOWN)
TRADING_MODE = EnumMap(TradingMode)
ORDER_STATUS = EnumMap(
    OrderStatus,
    renamed={OrderStatus.CANCELED: "CANCELLED"},
    accepts_empty=True,
    also_listed=("REPLACED", "PENDING_REPLACE", "UNKNOWN"),
)
TIME_IN_FORCE = EnumMap(TimeInForce, accepts_empty=True, also_listed=_NO_UNKNOWN)
QUANTITY_TYPE = EnumMap(QuantityType)
ROUNDING = EnumMap(Rounding)
POSITION_STATUS = EnumMap(PositionStatus)
POSITION_SIDE = EnumMap(PositionSide)
LIQUIDITY = EnumMap(LiquiditySide)
SUPPORT = EnumMap(Support)
PREVIEW_OUTCOME = EnumMap(PreviewOutcome)
EVENT_KIND = EnumMap(EventKind, renamed={kind: kind.name for kind in EventKind})
ORIGIN_KIND = EnumMap(OriginKind)
POSITION_MODE = EnumMap(PositionMode, accepts_empty=True)
COLLATERAL_MODE = EnumMap(CollateralMode, accepts_empty=True)
MARGIN_MODE = EnumMap(MarginMode, accepts_empty=True)
ACCOUNT_TYPE = EnumMap(AccountType)
ACCOUNT_STATUS = EnumMap(AccountStatus, also_listed=_NO_UNKNOWN)
BALANCE_STATUS = EnumMap(BalanceStatus)
CREDENTIAL_TYPE = EnumMap(CredentialType, accepts_empty=True)
CREDENTIAL_STATUS = EnumMap(CredentialStatus)
OPERATION_TYPE = EnumMap(OperationType)
OPERATION_STATUS = EnumMap(OperationStatus)
INSTRUMENT_TYPE = EnumMap(InstrumentType)
INSTRUMENT_STATUS = EnumMap(InstrumentStatus)
SECURITY_TYPE = EnumMap(SecurityType, accepts_empty=True)
EXERCISE_STYLE = EnumMap(ExerciseStyle)
SUBSCRIPTION_TYPE = EnumMap(
    SubscriptionType,
    also_listed=(
        "MARKET.SUBSCRIPTION.TICKER",
        "MARKET.SUBSCRIPTION.KLINE",
        "TRADING_ACCOUNT.SUBSCRIPTION.USER_DATA",
        "TRADING_ACCOUNT.SUBSCRIPTION.PORTFOLIO",
        "TRADING_ACCOUNT.SUBSCRIPTION.EXECUTION_REPORT",
    ),
)
SUBSCRIPTION_STATUS = EnumMap(SubscriptionStatus)
VENUE_STATUS = EnumMap(VenueStatus)

TradingModeIn = Annotated[str, TRADING_MODE.received()]
SideIn = Annotated[str, SIDE.received()]
OrderTypeIn = Annotated[str, ORDER_TYPE.received_always()]
OrderStatusIn = Annotated[str, ORDER_STATUS.received()]
OrderStatusesIn = Annotated[
    str,
    ORDER_STATUS.received(),
    Meta(description="Several may be given: repeated, or joined by commas", extra_json_schema={SEVERAL_KEY: True}),
]
EventKindIn = Annotated[str, EVENT_KIND.received()]
OrderTypeFilter = Annotated[str, ORDER_TYPE.received()]
TimeInForceIn = Annotated[str, TIME_IN_FORCE.received()]
QuantityTypeIn = Annotated[str, QUANTITY_TYPE.received()]
RoundingIn = Annotated[str, ROUNDING.received()]
AccountStatusIn = Annotated[str, ACCOUNT_STATUS.received()]
CredentialTypeIn = Annotated[str, CREDENTIAL_TYPE.received_always()]
CredentialTypeFilter = Annotated[str, CREDENTIAL_TYPE.received()]
OperationTypeIn = Annotated[str, OPERATION_TYPE.received()]
InstrumentStatusIn = Annotated[str, INSTRUMENT_STATUS.received()]
SecurityTypeIn = Annotated[str, SECURITY_TYPE.received()]

TradingModeOut = Annotated[str, TRADING_MODE.sent()]
SideOut = Annotated[str, SIDE.sent()]
OrderTypeOut = Annotated[str, ORDER_TYPE.sent()]
OrderStatusOut = Annotated[str, ORDER_STATUS.sent()]
TimeInForceOut = Annotated[str, TIME_IN_FORCE.sent()]
QuantityTypeOut = Annotated[str, QUANTITY_TYPE.sent()]
RoundingOut = Annotated[str, ROUNDING.sent()]
PositionSideOut = Annotated[str, POSITION_SIDE.sent()]
LiquidityOut = Annotated[str, LIQUIDITY.sent()]
SupportOut = Annotated[str, SUPPORT.sent()]
PreviewOutcomeOut = Annotated[str, PREVIEW_OUTCOME.sent()]
EventKindOut = Annotated[str, EVENT_KIND.sent()]
OriginKindOut = Annotated[str, ORIGIN_KIND.sent()]
PositionStatusOut = Annotated[str, POSITION_STATUS.sent()]
PositionModeOut = Annotated[str, POSITION_MODE.sent()]
CollateralModeOut = Annotated[str, COLLATERAL_MODE.sent()]
MarginModeOut = Annotated[str, MARGIN_MODE.sent()]
AccountTypeOut = Annotated[str, ACCOUNT_TYPE.sent()]
AccountStatusOut = Annotated[str, ACCOUNT_STATUS.sent()]
BalanceStatusOut = Annotated[str, BALANCE_STATUS.sent()]
CredentialTypeOut = Annotated[str, CREDENTIAL_TYPE.sent()]
CredentialStatusOut = Annotated[str, CREDENTIAL_STATUS.sent()]
OperationTypeOut = Annotated[str, OPERATION_TYPE.sent()]
OperationStatusOut = Annotated[str, OPERATION_STATUS.sent()]
InstrumentTypeOut = Annotated[str, INSTRUMENT_TYPE.sent()]
InstrumentStatusOut = Annotated[str, INSTRUMENT_STATUS.sent()]
SecurityTypeOut = Annotated[str, SECURITY_TYPE.sent()]
ExerciseStyleOut = Annotated[str, EXERCISE_STYLE.sent()]
SubscriptionTypeOut = Annotated[str, SUBSCRIPTION_TYPE.sent()]
SubscriptionStatusOut = Annotated[str, SUBSCRIPTION_STATUS.sent()]
VenueStatusOut = Annotated[str, VENUE_STATUS.sent()]
