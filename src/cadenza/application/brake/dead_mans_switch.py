"""The dead-man's switch: all orders are canceled unless the program that armed it calls again in time.

The switch is durable, and the time in which the platform was away counts. While a process runs, only its monotonic
clock counts, so a wall clock that is set changes nothing; a process that is started takes what is left by the wall
clock, and never more than the period. The switch fires once: the note that it fired and the mass cancel are one
transaction. A call that comes after that is refused and says so, until it asks to begin again.
"""

from dataclasses import dataclass, replace

from cadenza.application.brake.mass_cancel import CancelOrders
from cadenza.application.tenancy import require_own_account
from cadenza.domain.accounts.dead_mans_switch import DeadMansSwitch
from cadenza.domain.errors import DeadMansSwitchFired
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.origin import PLATFORM, Origin
from cadenza.domain.ids import MassCancelId, TenantId, TradingAccountId
from cadenza.domain.trading.mass_cancel import OrderSelection
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage

_Name = tuple[TenantId, TradingAccountId | None]


@dataclass(frozen=True, slots=True)
class _Deadline:
    """The instant of the monotonic clock at which an armed switch fires. Each arming has another `due_at_ms`."""

    due_at_ms: int
    monotonic_ms: int


class DeadMansSwitches:
    """Keeps the deadlines of the armed switches. One supervised loop calls `tick`, which fires those that are due."""

    def __init__(
        self, *, storage: Storage, cancel_orders: CancelOrders, clock: Clock, ids: Ids, concurrency: Concurrency
    ) -> None:
        self._storage = storage
        self._cancel_orders = cancel_orders
        self._clock = clock
        self._ids = ids
        self._concurrency = concurrency
        self._deadlines: dict[_Name, _Deadline] = {}

    def note(self, switch: DeadMansSwitch) -> None:
        """Note that this process armed the switch just now."""
        self._deadlines[_name(switch)] = _Deadline(switch.due_at_ms, self._clock.monotonic_ms() + switch.period_ms)

    async def tick(self) -> None:
        """Fire the switches that are due."""
        now_ms = self._clock.monotonic_ms()
        async with self._storage.read() as uow:
            armed = await uow.brake.armed_switches()
        names = {_name(switch) for switch in armed}
        self._deadlines = {name: deadline for name, deadline in self._deadlines.items() if name in names}
        due = [switch for switch in armed if self._deadline_ms(switch, now_ms) <= now_ms]
        await self._concurrency.gather(*map(self._fire, due))

    def _deadline_ms(self, switch: DeadMansSwitch, now_ms: int) -> int:
        """Return when the switch fires by the monotonic clock. One that another process armed, or this one before it
        was started, has what is left by the wall clock, and never more than its period."""
        known = self._deadlines.get(_name(switch))
        if known is None or known.due_at_ms != switch.due_at_ms:
            left_ms = min(max(switch.due_at_ms - self._clock.now_ms(), 0), switch.period_ms)
            known = self._deadlines[_name(switch)] = _Deadline(switch.due_at_ms, now_ms + left_ms)
        return known.monotonic_ms

    async def _fire(self, switch: DeadMansSwitch) -> None:
        """Note that the switch fired and record the mass cancel, unless it was armed again or fired meanwhile."""
        async with self._storage.begin() as uow:
            known = await uow.brake.get_switch(switch.tenant_id, switch.account_id, lock=True)
            if known != switch:
                return
            selection = OrderSelection(tenant_id=switch.tenant_id, account_id=switch.account_id)
            mass_cancel = await self._cancel_orders.begin(uow, selection, PLATFORM)
            now_ms = self._clock.now_ms()
            fired = replace(switch, fired_at_ms=now_ms, mass_cancel_id=mass_cancel.id)
            await uow.brake.put_switch(fired)
            kind, id = AuditKind.DEAD_MANS_SWITCH_FIRED, AuditId(self._ids.new())
            await uow.audit.add(_entry(fired, kind, PLATFORM, id, now_ms))
            await uow.commit()
        self._deadlines.pop(_name(switch), None)
        self._cancel_orders.start(mass_cancel.id)


class ArmDeadMansSwitch:
    """The use case: arm a switch, or say again that the program lives."""

    def __init__(self, *, storage: Storage, switches: DeadMansSwitches, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._switches = switches
        self._clock = clock
        self._ids = ids

    async def __call__(
        self, actor: Actor, account_id: TradingAccountId | None, period_ms: int, *, again: bool
    ) -> DeadMansSwitch:
        """Arm the switch of an account, or of the whole tenant, for that long from now. Raises `DeadMansSwitchFired`
        when it fired before this call came, unless `again` is set; and `TradingAccountNotFound`."""
        actor.require(Scope.WRITE)
        _require_reach(actor, account_id)
        async with self._storage.begin() as uow:
            await require_own_account(uow, actor, account_id)
            known = await uow.brake.get_switch(actor.tenant_id, account_id, lock=True)
            if known is not None and known.fired_at_ms is not None and not again:
                raise _fired(known)
            now_ms = self._clock.now_ms()
            switch = DeadMansSwitch(
                tenant_id=actor.tenant_id,
                account_id=account_id,
                user_id=actor.user_id,
                key_id=actor.key_id,
                period_ms=period_ms,
                armed_at_ms=now_ms,
                due_at_ms=now_ms + period_ms,
            )
            await uow.brake.put_switch(switch)
            if known is None or known.fired_at_ms is not None:  # a call in time is no news
                kind = AuditKind.DEAD_MANS_SWITCH_ARMED
                await uow.audit.add(_entry(switch, kind, actor.origin, AuditId(self._ids.new()), now_ms))
            await uow.commit()
        self._switches.note(switch)
        return switch


class DisarmDeadMansSwitch:
    """The use case: remove a switch, whether it fired or not."""

    def __init__(self, *, storage: Storage, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def __call__(self, actor: Actor, account_id: TradingAccountId | None) -> DeadMansSwitch | None:
        """Return the switch as it was, so that the caller learns whether it had fired; None when there was none.
        Raises `TradingAccountNotFound`."""
        actor.require(Scope.WRITE)
        _require_reach(actor, account_id)
        async with self._storage.begin() as uow:
            await require_own_account(uow, actor, account_id)
            removed = await uow.brake.get_switch(actor.tenant_id, account_id, lock=True)
            if removed is not None:
                await uow.brake.remove_switch(actor.tenant_id, account_id)
                kind, id = AuditKind.DEAD_MANS_SWITCH_DISARMED, AuditId(self._ids.new())
                await uow.audit.add(_entry(removed, kind, actor.origin, id, self._clock.now_ms()))
            await uow.commit()
        return removed


class ListDeadMansSwitches:
    """The use case."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor) -> list[DeadMansSwitch]:
        """Return the tenant's switches that the caller may see, that of the whole tenant first."""
        actor.require(Scope.READ)
        async with self._storage.read() as uow:
            switches = await uow.brake.switches_of(actor.tenant_id)
        return [each for each in switches if actor.accounts is None or each.account_id in actor.accounts]


def _require_reach(actor: Actor, account_id: TradingAccountId | None) -> None:
    if account_id is None:
        actor.require_all_accounts()


def _name(switch: DeadMansSwitch) -> _Name:
    return switch.tenant_id, switch.account_id


def _entry(switch: DeadMansSwitch, kind: AuditKind, origin: Origin, id: AuditId, at_ms: int) -> AuditEntry:
    facts = {"period_ms": str(switch.period_ms)}
    if switch.fired_at_ms is not None:
        facts |= {"fired_at_ms": str(switch.fired_at_ms), "mass_cancel": str(switch.mass_cancel_id)}
    return AuditEntry(
        id=id,
        tenant_id=switch.tenant_id,
        kind=kind,
        at_ms=at_ms,
        origin=origin,
        subject=str(switch.account_id or switch.tenant_id),
        account_id=switch.account_id,
        facts=facts,
    )


def _fired(switch: DeadMansSwitch) -> DeadMansSwitchFired:
    mass_cancel_id: MassCancelId | None = switch.mass_cancel_id
    return DeadMansSwitchFired(
        "this call came too late: the dead-man's switch has fired; call with restart: true to arm it again",
        {"firedAt": switch.fired_at_ms, "massCancelId": str(mass_cancel_id)},
    )
