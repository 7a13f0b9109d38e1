"""The requests of DERIBIT that the connector makes, each with the pool of credits that it is paid from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class RequestPool(StrEnum):
    """What a request is paid from. Each account has the first two; an address that names no key has PUBLIC. The list of
    instruments has a limit of its own."""

    MATCHING = "MATCHING"
    NON_MATCHING = "NON_MATCHING"
    PUBLIC = "PUBLIC"
    INSTRUMENTS = "INSTRUMENTS"


Parameter = str | int | bool | Decimal
"""Numbers are Decimals, and are written as JSON numbers with all of their digits."""


@dataclass(frozen=True, slots=True)
class RpcMessage:
    """A call of a method."""

    method: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    pool: RequestPool = RequestPool.NON_MATCHING
    valid_until_ms: int | None = None
    """The instant of the venue's clock after which an order is not taken in."""


def matching(method: str, params: Mapping[str, Parameter]) -> RpcMessage:
    """Return a request to the matching engine."""
    return RpcMessage(method, params, RequestPool.MATCHING)


GET_TIME = RpcMessage("public/get_time", {}, RequestPool.PUBLIC)


def ticker_request(name: str) -> RpcMessage:
    return RpcMessage("public/ticker", {"instrument_name": name}, RequestPool.PUBLIC)


def instruments_request(kind: str) -> RpcMessage:
    params: dict[str, Parameter] = {"currency": "any", "kind": kind, "expired": False}
    return RpcMessage("public/get_instruments", params, RequestPool.INSTRUMENTS)
