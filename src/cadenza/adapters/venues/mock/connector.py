"""The MOCK venue: scripted outcomes, simulated money."""

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.inhouse.connector import InHouseConnector
from cadenza.adapters.venues.inhouse.desk import DeskLimits
from cadenza.adapters.venues.mock.execution import MockFloor
from cadenza.adapters.venues.mock.script import script_of
from cadenza.adapters.venues.mock.spec import ORDER_ID_PREFIX
from cadenza.domain.ids import MOCK
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.paper_ledger import PaperLedger


class MockConnector(InHouseConnector):
    """Implements `VenueConnector`. State, how far each script has come included, lives in `ledger` and survives any
    crash."""

    def __init__(
        self, *, ledger: PaperLedger, clock: Clock, failpoints: Failpoints, accounts: AccountSettings | None = None
    ) -> None:
        super().__init__(
            venue_id=MOCK,
            floor=MockFloor(),
            ledger=ledger,
            clock=clock,
            failpoints=failpoints,
            limits=DeskLimits(),
            accounts=accounts or AccountSettings(),
            prefix=ORDER_ID_PREFIX,
            script_of=lambda order: script_of(order.client_order_id),
        )
