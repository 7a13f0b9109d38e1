"""How an account of DERIBIT is read: its balances, its positions and its open orders."""

import asyncio

import msgspec

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import AccountSummaries, OrderRow
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_account import balance_report, position_report
from cadenza.adapters.venues.deribit.parse_orders import is_triggered, order_facts
from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.account_reading import ReadMoney, ReadOpenOrders
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.reports import BalanceReport, PositionReport, UnreadableReport

_SUMMARIES = RpcMessage("private/get_account_summaries", {"extended": False})


class DeribitAccountSource:
    """Implements `AccountSource`. What is locked moves with the market, so the open orders are compared with the stream
    instead."""

    states_locked_in_stream = False

    def __init__(self, rest: DeribitRest, signer: DeribitSigner, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope

    async def money(self) -> ReadMoney:
        summaries, positions = await asyncio.gather(self._summaries(), self._positions())
        read = read_each(summaries, self._scope.account_id, lambda line: balance_report(line, self._scope, 0))
        held = read_each(positions, self._scope.account_id, lambda line: position_report(line, self._scope, 0))
        return ReadMoney(
            tuple(each for each in read if isinstance(each, BalanceReport) and (each.total or each.borrowed)),
            tuple(each for each in held if isinstance(each, PositionReport) and each.quantity),
            tuple(each for each in (*read, *held) if isinstance(each, UnreadableReport)),
        )

    async def open_orders(self) -> ReadOpenOrders:
        lines = await self._lines(RpcMessage("private/get_open_orders", {"kind": self._scope.kind}))
        read = read_each(lines, self._scope.account_id, self._order)
        return ReadOpenOrders(
            tuple(each for each in read if isinstance(each, OrderFacts)),
            tuple(each for each in read if isinstance(each, UnreadableReport)),
        )

    async def open_orders_of(self, instruments: frozenset[InstrumentId]) -> ReadOpenOrders:
        """One request lists those of all."""
        return await self.open_orders()

    def _order(self, line: msgspec.Raw) -> OrderFacts | None:
        """One that is being triggered is listed as the order that it becomes."""
        row = decode(OrderRow, line)
        is_ours = not is_triggered(row) and self._scope.covers(row.instrument)
        return order_facts(row, self._scope) if is_ours else None

    async def _summaries(self) -> list[msgspec.Raw]:
        result = await self._rest.asked(self._signer, _SUMMARIES)
        try:
            return decode(AccountSummaries, result).summaries
        except UnreadablePayload as error:
            raise VenueUnavailable(f"DERIBIT answered with no summaries: {error}") from error

    async def _positions(self) -> list[msgspec.Raw]:
        """Pairs have none."""
        if self._scope.account_type is AccountType.MARGIN:
            return []
        return await self._lines(RpcMessage("private/get_positions", {"currency": "any", "kind": self._scope.kind}))

    async def _lines(self, request: RpcMessage) -> list[msgspec.Raw]:
        result = await self._rest.asked(self._signer, request)
        try:
            return decode(list[msgspec.Raw], result)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"DERIBIT answered with no list: {error}") from error
