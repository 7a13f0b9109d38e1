"""Whether a new order can be taken at the moment: what `submit` and its dry run look at before they decide."""

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.send_order import SESSION_WAIT_MS_MAX
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.identity.actor import Actor
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.commands import SubmitOrderRequest


class Tradable:
    """Finds the instrument of a new order, or the cause for which the order is refused."""

    def __init__(self, *, sessions: Sessions, catalogue: Catalogue, prices: NeedPrices) -> None:
        self._sessions = sessions
        self._catalogue = catalogue
        self._prices = prices

    async def instrument_of(self, actor: Actor, request: SubmitOrderRequest) -> Instrument | CadenzaError:
        """Return the instrument, or the cause for which a new order in it is refused. Waits a bounded time for the
        account's session and for the prices that the order is valued at."""
        await self._sessions.wait_for(request.account_id, actor.tenant_id, SESSION_WAIT_MS_MAX)
        instrument = self._find(actor, request)
        if isinstance(instrument, Instrument):
            await self._prices.of_order(request)
        return instrument

    async def have_price(self, request: SubmitOrderRequest) -> None:
        """Wait a bounded time for the price of the order's instrument."""
        await self._prices.of_instruments([request.instrument_id])

    def holds(self, instrument: Instrument, request: SubmitOrderRequest) -> bool:
        """Return whether the platform holds such an order until its trigger is reached."""
        return self._sessions.spec(instrument.venue_id).holds(instrument.type, request.type)

    def _find(self, actor: Actor, request: SubmitOrderRequest) -> Instrument | CadenzaError:
        try:
            instrument = self._catalogue.for_tenant(actor.tenant_id, request.instrument_id)
            actor.require_access(instrument.venue_id)
            self._sessions.connector(instrument.venue_id)
        except CadenzaError as error:
            return error
        if (refusal := self._sessions.key_refusal(request.account_id)) is not None:
            return refusal
        if not self._sessions.takes_orders(request.account_id):
            return VenueUnavailable("the trading account does not reach its venue at the moment; nothing was recorded")
        return instrument
