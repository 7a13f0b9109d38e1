"""A client of ccxt that speaks to a simulator, for the benchmarks that run by ccxt's own Python. It imports nothing of
this project."""

import re
from typing import Any

import ccxt.async_support as ccxt

OPTIONS = {"BINANCE": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}


def client_of(venue: str, url: str, **fields: Any) -> Any:
    """Return a client of a venue that sends every request to `url`, without a rate limit of its own."""
    exchange = getattr(ccxt, venue.lower())({"enableRateLimit": False, "options": OPTIONS.get(venue, {}), **fields})
    exchange.urls["api"] = pointed(exchange.urls["api"], url)
    return exchange


def pointed(value: Any, url: str) -> Any:
    """Replace the host in every URL, also in those of sockets."""
    if isinstance(value, dict):
        return {name: pointed(inner, url) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    scheme = "ws" if value.startswith("ws") else "http"
    return re.sub(r"^(wss?|https?)://[^/]+", url.replace("http", scheme, 1), value)
