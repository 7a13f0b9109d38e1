"""The MOCK venue: scripted outcomes, simulated money."""

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.inhouse.connector import InHouseConnector
from cadenza.adapters.venues.inhouse.runner import RunnerLimits
from cadenza.adapters.venues.mock.execution import MockExchange
from cadenza.adapters.venues.mock.script import script_of
from cadenza.adapters.venues.mock.spec import SPEC
from cadenza.ports.clock import Clock
from cadenza.ports.exchange_ledger import ExchangeLedger
from cadenza.ports.failpoints import Failpoints


class MockConnector(InHouseConnector):
    """Implements `VenueConnector`. `ledger` stores all state, including the progress of each script, so it survives any
    crash."""

    def __init__(
        self, *, ledger: ExchangeLedger, clock: Clock, failpoints: Failpoints, accounts: AccountSettings | None = None
    ) -> None:
        accounts = accounts or AccountSettings()
        super().__init__(
            spec=SPEC,
            exchange=MockExchange(accounts.open_orders_max),
            ledger=ledger,
            clock=clock,
            failpoints=failpoints,
            limits=RunnerLimits(),
            accounts=accounts,
            script_of=lambda order: script_of(order.client_order_id),
        )
