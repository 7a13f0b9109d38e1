"""Read an order after every change that was queued before."""

from dataclasses import dataclass

from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.ports.storage.trading import BatchKeys


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """A change that changes nothing. The committer decides it in its turn, so it sees the order as last committed."""

    account_id: TradingAccountId
    order_id: OrderId

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.order_id)

    def decide(self, state: TradingState) -> Order | None:
        return state.order(self.order_id)
