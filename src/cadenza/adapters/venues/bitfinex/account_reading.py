"""How an account of BITFINEX is read: its balances, its positions and its open orders."""

import asyncio

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import OPEN_ORDERS, POSITIONS, WALLETS
from cadenza.adapters.venues.bitfinex.models import OrderFields
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_account import balance_report, position_report
from cadenza.adapters.venues.bitfinex.parse_orders import order_facts
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.account_reading import ReadMoney, ReadOpenOrders
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.reports import BalanceReport, PositionReport, UnreadableReport


class BitfinexAccountSource:
    """Implements `AccountSource`. The stream does not always state what is available of a balance, so the open orders
    are compared with it instead of what is locked."""

    states_locked_in_stream = False

    def __init__(self, rest: BitfinexRest, key: PrivateKey, scope: AccountScope) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope

    async def money(self) -> ReadMoney:
        wallets, positions = await asyncio.gather(self._rest.rows(self._key, WALLETS, {}), self._positions())
        account_id, scope = self._scope.account_id, self._scope
        balances = read_each(wallets, account_id, lambda line: balance_report(line, scope, 0))
        held = read_each(positions, account_id, lambda line: position_report(line, scope, 0))
        return ReadMoney(
            tuple(each for each in balances if isinstance(each, BalanceReport) and (each.total or each.borrowed)),
            tuple(each for each in held if isinstance(each, PositionReport) and each.quantity),
            tuple(each for each in (*balances, *held) if isinstance(each, UnreadableReport)),
        )

    async def open_orders(self) -> ReadOpenOrders:
        lines = await self._rest.rows(self._key, OPEN_ORDERS, {})
        found = read_each(lines, self._scope.account_id, self._order)
        return ReadOpenOrders(
            tuple(each for each in found if isinstance(each, OrderFacts)),
            tuple(each for each in found if isinstance(each, UnreadableReport)),
        )

    async def open_orders_of(self, instruments: frozenset[InstrumentId]) -> ReadOpenOrders:
        """One request lists those of all."""
        return await self.open_orders()

    async def _positions(self) -> list[msgspec.Raw]:
        """An account that trades with the exchange wallet has none."""
        if self._scope.account_type is AccountType.SPOT:
            return []
        return await self._rest.rows(self._key, POSITIONS, {})

    def _order(self, line: msgspec.Raw) -> OrderFacts | None:
        row = decode(OrderFields, line)
        return order_facts(row, self._scope) if self._scope.covers_order(row.symbol, row.type) else None
