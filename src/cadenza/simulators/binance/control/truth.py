"""What is true of each market, as tests read it."""

from __future__ import annotations

from typing import Any

from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.spot_market import SpotMarket
from cadenza.simulators.binance.usdm.usdm_market import FuturesMarket


def spot_truth(exchange: SpotExchange, account: str) -> dict[str, Any]:
    """Return the orders, trades and balances of an account that trades in the books of spot, and how often each client
    order id was accepted. `totals` are those of all owners."""
    return {
        "orders": [order for order in exchange.registry.all_orders() if order.account == account],
        "trades": [trade for trade in exchange.registry.all_trades() if trade.account == account],
        "balances": {
            asset: {"free": free, "locked": locked} for asset, (free, locked) in exchange.balances(account).items()
        },
        "totals": [
            {"owner": owner, "asset": asset, "total": total}
            for (owner, asset), total in exchange.office.ledger.totals().items()
        ],
        "accepted": [
            {"account": of, "symbol": symbol, "client_order_id": id, "times": times}
            for (of, symbol, id), times in exchange.registry.accepted_by_client_id().items()
            if of == account
        ],
    }


def margin_truth(spot: SpotMarket, account: str) -> dict[str, Any]:
    """Return what `spot_truth` does of a cross margin account, its loans, and all that was borrowed and repaid."""
    return spot_truth(spot.exchange, account) | {
        "loans": spot.margin.loans(account),
        "loan_changes": [change for change in spot.margin.changes if change.account == account],
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
