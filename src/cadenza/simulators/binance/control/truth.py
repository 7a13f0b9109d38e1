"""What is true of each market, as tests read it."""

from __future__ import annotations

from typing import Any

from cadenza.simulators.binance.spot.exchange import SpotExchange


def spot_truth(exchange: SpotExchange, account: str) -> dict[str, Any]:
    """Return the orders, trades and balances of spot, and how often each client order id was accepted."""
    return {
        "orders": exchange.registry.all_orders(),
        "trades": exchange.registry.all_trades(),
        "balances": {
            asset: {"free": free, "locked": locked} for asset, (free, locked) in exchange.balances(account).items()
        },
        "totals": [
            {"owner": owner, "asset": asset, "total": total}
            for (owner, asset), total in exchange.office.ledger.totals().items()
        ],
        "accepted": [
            {"account": account, "symbol": symbol, "client_order_id": id, "times": times}
            for (account, symbol, id), times in exchange.registry.accepted_by_client_id().items()
        ],
    }
