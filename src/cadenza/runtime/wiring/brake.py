"""The brake: mass cancels, trading modes, risk limits and dead-man's switches."""

from dataclasses import dataclass

from cadenza.application.brake.dead_mans_switch import (
    ArmDeadMansSwitch,
    DeadMansSwitches,
    DisarmDeadMansSwitch,
    ListDeadMansSwitches,
)
from cadenza.application.brake.mass_cancel import CancelOrders, GetMassCancel, MassCancelOrders
from cadenza.application.brake.risk_limits import GetRiskLimits, MeasureDays, SetRiskLimits
from cadenza.application.brake.trading_modes import GetTradingMode, SetTradingMode
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.runtime.wiring.trading import Trading


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """Its use cases, and the parts that run by themselves."""

    cancel_orders: CancelOrders
    switches: DeadMansSwitches
    measure_days: MeasureDays
    mass_cancel_orders: MassCancelOrders
    get_mass_cancel: GetMassCancel
    set_trading_mode: SetTradingMode
    get_trading_mode: GetTradingMode
    set_risk_limits: SetRiskLimits
    get_risk_limits: GetRiskLimits
    arm_dead_mans_switch: ArmDeadMansSwitch
    disarm_dead_mans_switch: DisarmDeadMansSwitch
    list_dead_mans_switches: ListDeadMansSwitches


def wire_brake(
    storage: Storage, trading: Trading, catalogue: Catalogue, clock: Clock, ids: Ids, concurrency: Concurrency
) -> Brake:
    committer = trading.committer
    cancel_orders = CancelOrders(
        storage=storage,
        committer=committer,
        held=trading.held,
        send_cancel=trading.send_cancel,
        clock=clock,
        ids=ids,
        concurrency=concurrency,
    )
    switches = DeadMansSwitches(
        storage=storage, cancel_orders=cancel_orders, clock=clock, ids=ids, concurrency=concurrency
    )
    return Brake(
        cancel_orders=cancel_orders,
        switches=switches,
        measure_days=MeasureDays(storage=storage, committer=committer, clock=clock),
        mass_cancel_orders=MassCancelOrders(storage=storage, catalogue=catalogue, cancel_orders=cancel_orders),
        get_mass_cancel=GetMassCancel(storage=storage),
        set_trading_mode=SetTradingMode(
            storage=storage,
            committer=committer,
            halted=trading.halted,
            cancel_orders=cancel_orders,
            clock=clock,
            ids=ids,
        ),
        get_trading_mode=GetTradingMode(storage=storage),
        set_risk_limits=SetRiskLimits(storage=storage, committer=committer, catalogue=catalogue),
        get_risk_limits=GetRiskLimits(storage=storage),
        arm_dead_mans_switch=ArmDeadMansSwitch(storage=storage, switches=switches, clock=clock, ids=ids),
        disarm_dead_mans_switch=DisarmDeadMansSwitch(storage=storage, clock=clock, ids=ids),
        list_dead_mans_switches=ListDeadMansSwitches(storage=storage),
    )
