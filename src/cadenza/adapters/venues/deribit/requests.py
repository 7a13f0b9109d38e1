"""The requests of DERIBIT that the connector makes, each with the pool of credits that it is paid from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class CreditPool(StrEnum):
    """What a request is paid from. Each account has the first two; an address that names no key has PUBLIC. The list of
    instruments has a limit of its own."""

    MATCHING = "MATCHING"
    NON_MATCHING = "NON_MATCHING"
    PUBLIC = "PUBLIC"
    INSTRUMENTS = "INSTRUMENTS"


Parameter = str | int | bool | Decimal
"""Numbers are Decimals, and are written as JSON numbers with all of their digits."""


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """A call of a method."""

    method: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    pool: CreditPool = CreditPool.NON_MATCHING
    valid_until_ms: int | None = None
    """The instant of the venue's clock after which an order is not taken in."""


def matching(method: str, params: Mapping[str, Parameter]) -> RpcRequest:
    """Return a request to the matching engine."""
    return RpcRequest(method, params, CreditPool.MATCHING)


GET_TIME = RpcRequest("public/get_time", {}, CreditPool.PUBLIC)


def instruments_request(kind: str) -> RpcRequest:
    params: dict[str, Parameter] = {"currency": "any", "kind": kind, "expired": False}
    return RpcRequest("public/get_instruments", params, CreditPool.INSTRUMENTS)
