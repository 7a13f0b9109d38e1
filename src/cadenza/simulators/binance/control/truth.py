"""What is true of each market, as tests read it."""

from __future__ import annotations

from typing import Any

from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.usdm.usdm_market import FuturesMarket


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


def usdm_truth(usdm: FuturesMarket) -> dict[str, Any]:
    """Return the orders, conditional orders, trades, positions and wallets of USD-M, all movements of the wallets, and
    how often each client id was accepted."""
    exchange, ledger = usdm.exchange, usdm.ledger
    return {
        "orders": exchange.registry.all_orders(),
        "algo_orders": usdm.algos.all_orders(),
        "trades": exchange.registry.all_trades(),
        "positions": ledger.all_positions(),
        "wallets": ledger.all_wallets(),
        "incomes": ledger.incomes,
        "accepted": [
            {"account": account, "symbol": symbol, "client_order_id": id, "times": times}
            for (account, symbol, id), times in exchange.registry.accepted_by_client_id().items()
        ],
        "accepted_algo": [
            {"account": account, "client_algo_id": id, "times": times}
            for (account, id), times in usdm.algos.accepted_by_client_id().items()
        ],
    }
