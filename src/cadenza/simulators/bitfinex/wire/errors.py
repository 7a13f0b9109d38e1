"""The venue's refusals: an array with a code and a text, under HTTP 500."""

from __future__ import annotations

GENERIC, PARAMETERS, CONFIGURATION = 10001, 10020, 10050
AUTHENTICATION, NONCE = 10100, 10114
SUBSCRIPTION, SUBSCRIBED, UNKNOWN_CHANNEL, CHANNEL_LIMIT, UNSUBSCRIPTION = 10300, 10301, 10302, 10305, 10400
UNKNOWN_EVENT, MAINTENANCE, RATE_LIMIT = 10000, 11000, 11010


class BitfinexRefusal(Exception):
    """A request that the venue refuses. Nothing has changed."""

    def __init__(self, code: int, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status

    @property
    def payload(self) -> object:
        if self.code == RATE_LIMIT:
            return {"error": "ERR_RATE_LIMIT"}
        return ["error", self.code, self.text]


def invalid(name: str) -> BitfinexRefusal:
    """Refuse a field."""
    return BitfinexRefusal(PARAMETERS, f"{name}: invalid")


def invalid_order(text: str) -> BitfinexRefusal:
    """Refuse an order that is well formed."""
    return BitfinexRefusal(GENERIC, f"Invalid order: {text}")


def order_not_found() -> BitfinexRefusal:
    return BitfinexRefusal(GENERIC, "Order not found.")


def rate_limited() -> BitfinexRefusal:
    return BitfinexRefusal(RATE_LIMIT, "ratelimit: error", 429)
