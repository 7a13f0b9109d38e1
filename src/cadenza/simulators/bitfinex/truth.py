"""What is true of the venue, as tests read it."""

from __future__ import annotations

from typing import Any

from cadenza.simulators.bitfinex.venue import BitfinexVenue


def bitfinex_truth(venue: BitfinexVenue) -> dict[str, Any]:
    """Return the orders, trades, positions, wallets and their movements of all accounts, and how many times each cid
    was accepted."""
    exchange, ledger = venue.exchange, venue.exchange.ledger
    return {
        "orders": exchange.registry.all_orders(),
        "trades": exchange.registry.all_trades(),
        "positions": ledger.all_positions(),
        "wallets": ledger.all_wallets(),
        "entries": ledger.entries,
        "accepted": [
            {"account": account, "symbol": symbol, "cid": int(cid), "times": times}
            for (account, symbol, cid), times in exchange.registry.accepted_by_client_id().items()
        ],
    }
