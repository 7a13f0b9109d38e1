"""What is true of the venue, as tests read it."""

from __future__ import annotations

from typing import Any

from cadenza.simulators.okx.venue import OkxVenue


def okx_truth(venue: OkxVenue) -> dict[str, Any]:
    """Return the orders, conditional orders, trades, positions, cash and bills of all accounts, and how many times each
    client id was accepted."""
    exchange, ledger = venue.exchange, venue.exchange.ledger
    return {
        "orders": exchange.registry.all_orders(),
        "algo_orders": venue.algos.all_orders(),
        "trades": exchange.registry.all_trades(),
        "positions": ledger.all_positions(),
        "balances": ledger.all_balances(),
        "modes": [ledger.mode(account) for account in ledger.accounts()],
        "bills": ledger.bills,
        "accepted": [
            {"account": account, "symbol": symbol, "client_order_id": id, "times": times}
            for (account, symbol, id), times in exchange.registry.accepted_by_client_id().items()
            if id
        ],
    }
