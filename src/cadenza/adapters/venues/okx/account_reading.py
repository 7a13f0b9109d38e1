"""How an account of OKX is read: its balances, its positions and its open orders."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from cadenza.adapters.venues.kit.account_reading import ReadMoney, ReadOpenOrders
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import (
    BALANCE,
    OPEN_ALGO_ORDERS,
    OPEN_ORDERS,
    POSITIONS,
    OkxEndpoint,
)
from cadenza.adapters.venues.okx.models import OkxAlgoOrder, OkxOrder
from cadenza.adapters.venues.okx.pages import pages
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_account import balances, position_report
from cadenza.adapters.venues.okx.parse_orders import became, facts_of_algo, facts_of_order
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.stream import has_algo_orders
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.reports import BalanceReport, PositionReport, UnreadableReport


class OkxAccountSource:
    """Implements `AccountSource`. What is locked moves with the market in margined accounts, so the open orders are
    compared with the stream instead."""

    states_locked_in_stream = False

    def __init__(self, rest: OkxRest, signer: OkxSigner, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope

    async def money(self) -> ReadMoney:
        account, positions = await asyncio.gather(
            self._rest.rows(self._signer, BALANCE, {}), self._rest.rows(self._signer, POSITIONS, {})
        )
        shown = read_each(account, self._scope.account_id, lambda line: balances(line, self._scope, 0))
        held = [each for found in shown if isinstance(found, list) for each in found]
        odd = [each for each in shown if isinstance(each, UnreadableReport)]
        rows, odd_rows = self._positions(positions)
        return ReadMoney(tuple(each for each in held if _is_something(each)), rows, (*odd, *odd_rows))

    async def open_orders(self) -> ReadOpenOrders:
        found = [await self._listed(OPEN_ORDERS, {}, "order_id", self._order)]
        if has_algo_orders(self._scope.account_type):
            for type in mapping.ALGO_TYPES:
                found.append(await self._listed(OPEN_ALGO_ORDERS, {"ordType": type}, "algo_id", self._algo))
        lines = [each for lines in found for each in lines]
        return ReadOpenOrders(
            tuple(each for each in lines if isinstance(each, OrderFacts)),
            tuple(each for each in lines if isinstance(each, UnreadableReport)),
        )

    async def open_orders_of(self, instruments: frozenset[InstrumentId]) -> ReadOpenOrders:
        """One request lists those of all."""
        return await self.open_orders()

    async def _listed(
        self,
        endpoint: OkxEndpoint,
        query: Mapping[str, str],
        counted_by: str,
        read: Callable[[msgspec.Raw], OrderFacts | None],
    ) -> list[OrderFacts | UnreadableReport]:
        found: list[OrderFacts | UnreadableReport] = []
        async for lines in pages(self._rest, self._signer, endpoint, query, counted_by=counted_by):
            found += read_each(lines, self._scope.account_id, read)
        return found

    def _positions(self, lines: list[msgspec.Raw]) -> tuple[tuple[PositionReport, ...], list[UnreadableReport]]:
        """An isolated position beside a cross one of the same instrument would be another one of the same name."""
        found: dict[tuple[InstrumentId, str], PositionReport] = {}
        odd: list[UnreadableReport] = []
        for line in lines:
            try:
                position = position_report(line, self._scope, 0)
                if position is None or not position.quantity:
                    continue
                if (position.instrument_id, position.side.value) in found:
                    raise UnreadablePayload("there is a cross and an isolated position in one instrument")
                found[position.instrument_id, position.side.value] = position
            except UnreadablePayload as error:
                odd.append(unreadable(self._scope.account_id, bytes(line), error))
        return tuple(found.values()), odd

    def _order(self, line: msgspec.Raw) -> OrderFacts | None:
        row = decode(OkxOrder, line)
        return facts_of_order(row, self._scope) if self._scope.covers(row.kind, row.trade_mode) else None

    def _algo(self, line: msgspec.Raw) -> OrderFacts | None:
        """One that is being triggered is listed as the order that it becomes."""
        row = decode(OkxAlgoOrder, line)
        is_ours = self._scope.covers(row.kind, row.trade_mode) and became(row) is None
        return facts_of_algo(row, self._scope) if is_ours else None


def _is_something(balance: BalanceReport) -> bool:
    return bool(balance.total or balance.borrowed)
