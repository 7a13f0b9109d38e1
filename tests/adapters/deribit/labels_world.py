"""A session at the simulator, and another program that gives its orders the labels of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal as D
from typing import Any

from tests.adapters.deribit.test_deribit_sessions import pass_time
from tests.deribit_kit import LINEAR, DeribitDesk
from tests.inhouse_kit import kinds, until
from tests.simulated_kit import SEND_WITHIN_MS

from cadenza.adapters.venues.deribit.models import OrderRow, PlacementResult
from cadenza.adapters.venues.deribit.requests import RequestPool, RpcMessage
from cadenza.adapters.venues.deribit.rest import result_of
from cadenza.adapters.venues.deribit.spec import FENCE
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.evolve import evolve
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, Report

HOUR_MS = 3_600_000
APART_MS = 10_000
"""More than all tolerances of dates together."""

ARRIVED, LOST = "reset_after", "reset_before"
LEFT_ALONE = "not canceled: an order that has our label may be somebody else's, and is left alone"


@dataclass
class Labels:
    """Our session, and another program that uses the account."""

    desk: DeribitDesk

    @property
    def ours(self) -> Order:
        return self.desk.order

    async def theirs(
        self, amount: str = "1", price: str | None = "59990", side: str = "buy", *, is_heard: bool = True, **more: Any
    ) -> str:
        """Place the other program's order with our label. Return the venue's id, once the stream has brought it."""
        params: dict[str, Any] = {
            "instrument_name": LINEAR, "amount": D(amount), "type": "limit", "label": self.ours.sent_id, **more,
        }  # fmt: skip
        if price is not None:
            params["price"] = D(price)
        reply = await self.call(f"private/{side}", params)
        id = decode(OrderRow, decode(PlacementResult, reply).order).id
        await until(lambda: not is_heard or id in self.announced(), "its news")
        return id

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        session: Any = self.desk.session
        request = RpcMessage(method, params, RequestPool.MATCHING)
        asked = session._rest.signed(session._signer, lambda _: request, pool=request.pool)
        return result_of(await asked)

    def announced(self) -> set[str | None]:
        return {each.venue_order_id for each in self.desk.sink.of(ExternalOrderReport)}

    def recorded_now(self, *, recorded_after_ms: int = 0) -> None:
        """Let our order be recorded at this moment."""
        now_ms = self.desk.venue.clock.now_ms()
        self.desk.order = evolve(
            self.ours, created_at_ms=now_ms, updated_at_ms=now_ms, send_before_ms=now_ms + SEND_WITHIN_MS,
            recorded_after_ms=recorded_after_ms,
        )  # fmt: skip

    async def lose(self, how: str = LOST) -> Sequence[Report]:
        """Our order's request or reply is lost."""
        await self.desk.venue.fault(self.desk.about("place"), how)
        return await self.desk.session.submit(self.ours)

    async def asked(self) -> Sequence[Report]:
        return await self.desk.session.lookup([self.ours])

    async def past_fence(self) -> list[Report]:
        """What is said before the fence and after it."""
        early = await self.asked()
        assert kinds(early) == ["UnknownOutcome"]
        await pass_time(self.desk, SEND_WITHIN_MS + FENCE.margin_ms)
        return [*early, *await self.asked()]

    async def open(self) -> list[str]:
        truth = await self.desk.venue.get("truth")
        return sorted(each["id"] for each in truth["orders"] if each["state"] in ("open", "untriggered"))

    async def cancels(self) -> int:
        return sum(1 for each in await self.desk.venue.get("requests") if "cancel" in each["name"])
