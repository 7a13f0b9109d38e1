"""The dead-man's switch: all orders are canceled unless the program that armed it calls again in time.

The switch is durable, and the time in which the platform was away counts. It fires by the earlier of two measures: by
this process's monotonic clock, for a wall clock that steps back must not delay it; and by the wall clock, whose steps
forward are believed only after a minute (`SteadyTime`). It fires once: the note that it fired and the mass cancel are
one transaction. A call that comes after that is refused and says so, until it asks to begin again.
"""

from dataclasses import dataclass, replace

from cadenza.application.brake.mass_cancel import CancelOrders
from cadenza.application.orders.steady_time import SteadyTime
from cadenza.application.tenancy import require_own_account
from cadenza.domain.accounts.dead_mans_switch import DeadMansSwitch
from cadenza.domain.errors import DeadMansSwitchFired
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.origin import PLATFORM
from cadenza.domain.ids import MassCancelId, TenantId, TradingAccountId
from cadenza.domain.trading.mass_cancel import OrderSelection
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage

_Name = tuple[TenantId, TradingAccountId | None]


@dataclass(frozen=True, slots=True)
class _Deadline:
    """When an armed switch fires by the monotonic clock; `due_at_ms` tells one arming from the next."""

    due_at_ms: int
    monotonic_ms: int


class DeadMansSwitches:
    """Keeps the deadlines of the armed switches. One supervised loop calls `tick`, which fires those that are due."""

    def __init__(self, *, storage: Storage, cancel_orders: CancelOrders, clock: Clock) -> None:
        self._storage = storage
        self._cancel_orders = cancel_orders
        self._clock = clock
        self._time = SteadyTime(clock)
        self._deadlines: dict[_Name, _Deadline] = {}

    def note(self, switch: DeadMansSwitch) -> None:
        """Note that this process armed the switch just now."""
        self._deadlines[_name(switch)] = _Deadline(switch.due_at_ms, self._clock.monotonic_ms() + switch.period_ms)

    async def tick(self) -> None:
        """Fire the switches that are due."""
        wall_ms, now_ms = self._time.now_ms(), self._clock.monotonic_ms()
        async with self._storage.read() as uow:
            armed = await uow.brake.armed_switches()
        for switch in armed:
            if switch.due_at_ms <= wall_ms or self._deadline_ms(switch, now_ms) <= now_ms:
                await self._fire(switch)

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
            await uow.brake.put_switch(replace(switch, fired_at_ms=self._clock.now_ms(), mass_cancel_id=mass_cancel.id))
            await uow.commit()
        self._deadlines.pop(_name(switch), None)
        self._cancel_orders.start(mass_cancel.id)


class ArmDeadMansSwitch:
    """The use case: arm a switch, or say again that the program lives."""

    def __init__(self, *, storage: Storage, switches: DeadMansSwitches, clock: Clock) -> None:
        self._storage = storage
        self._switches = switches
        self._clock = clock

    async def __call__(
        self, actor: Actor, account_id: TradingAccountId | None, period_ms: int, *, again: bool
    ) -> DeadMansSwitch:
        """Arm the switch of an account, or of the whole tenant, for that long from now. Raises `DeadMansSwitchFired`
        when it fired before this call came, unless `again` is set; and `TradingAccountNotFound`."""
        actor.require(Scope.WRITE)
        if account_id is None:
            actor.require_all_accounts()
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
            await uow.commit()
        self._switches.note(switch)
        return switch


class DisarmDeadMansSwitch:
    """The use case: remove a switch, whether it fired or not."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor, account_id: TradingAccountId | None) -> bool:
        """Return whether there was a switch. Raises `TradingAccountNotFound`."""
        actor.require(Scope.WRITE)
        if account_id is None:
            actor.require_all_accounts()
        async with self._storage.begin() as uow:
            await require_own_account(uow, actor, account_id)
            is_removed = await uow.brake.remove_switch(actor.tenant_id, account_id)
            await uow.commit()
        return is_removed


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


def _name(switch: DeadMansSwitch) -> _Name:
    return switch.tenant_id, switch.account_id


def _fired(switch: DeadMansSwitch) -> DeadMansSwitchFired:
    mass_cancel_id: MassCancelId | None = switch.mass_cancel_id
    return DeadMansSwitchFired(
        "this call came too late: the dead-man's switch has fired; call with restart: true to arm it again",
        {"firedAt": switch.fired_at_ms, "massCancelId": str(mass_cancel_id)},
    )
