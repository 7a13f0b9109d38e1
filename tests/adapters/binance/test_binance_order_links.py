"""What a conditional order of USD-M has become is known before that is reported, whatever comes first or not at all."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from tests.adapters.binance.binance_world import NOW_MS, USDM
from tests.adapters.binance.test_binance_algo_orders import ALGO_REPLY

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.history import LINK_WINDOWS_MAX, PastOrders
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import PositionMode

PAGE = 1_000


class AlgoService:
    """Answers every question about past conditional orders with the same lines."""

    def __init__(self, *lines: Mapping[str, Any]) -> None:
        self.lines = lines
        self.asked = 0

    async def read_signed(self, *_: Any, **__: Any) -> bytes:
        self.asked += 1
        assert self.asked <= 100, "the questions do not end"
        await asyncio.sleep(0)
        return json.dumps(self.lines).encode()


def past_orders(service: AlgoService) -> PastOrders:
    signer = BinanceSigner(CredentialType.HMAC, Secrets("key", "secret", None))
    return PastOrders(cast(BinanceRest, service), signer, UsdmDialect(PositionMode.NETTING), USDM)


async def test_pages_that_cannot_be_read_are_not_asked_for_again_and_again() -> None:
    service = AlgoService(*({"algoId": f"x{n}"} for n in range(PAGE)))
    assert await past_orders(service).links("BNBUSDT", {"55"}, NOW_MS) == []
    assert service.asked == LINK_WINDOWS_MAX


async def test_an_order_that_closes_a_position_is_found_and_has_no_link() -> None:
    """It was not reported before its trigger, so there is nothing to rename."""
    closing = {**ALGO_REPLY, "quantity": "0", "closePosition": True, "algoStatus": "FINISHED", "actualOrderId": "55"}
    service = AlgoService(closing)
    assert await past_orders(service).links("BNBUSDT", {"55"}, NOW_MS) == []
    assert service.asked == 1
