"""The channel of the account, 0: orders, trades, positions, wallets and notifications of those who have logged in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cadenza.domain.money import ZERO
from cadenza.simulators.bitfinex.settings import MARGIN
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.trading.queries import AccountQueries
from cadenza.simulators.bitfinex.trading.records import (
    BitfinexEvent,
    BitfinexNews,
    BitfinexNoticeEvent,
    BitfinexOrderEvent,
    BitfinexPositionEvent,
    BitfinexTradeEvent,
)
from cadenza.simulators.bitfinex.trading.rows import order_row, trade_row, wallet_row
from cadenza.simulators.bitfinex.wire.numbers import number, rounded
from cadenza.simulators.bitfinex.wire.session import ACCOUNT, BitfinexSession
from cadenza.simulators.kit.commits import Publication
from cadenza.simulators.kit.faults import ArmedFaults

MARKET = "bitfinex"
TRADING, WALLET, BALANCE, NOTIFY, FUNDING_INFO = "trading", "wallet", "balance", "notify", "funding"
FILTER_WALLETS = {"exchange": "exchange", "margin": "trading", "funding": "deposit"}
"""Wallets as filters name them; their present names are understood too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFrame:
    """A frame for the sockets of an account, or for one of them. `topic` and `details` are what filters ask for."""

    account: str | None
    kind: str
    row: object
    topic: str
    details: tuple[str, ...] = ()
    session_id: int | None = None

    def is_for(self, session: BitfinexSession) -> bool:
        if self.session_id is not None:
            return session.id == self.session_id and self._is_wanted(session)
        return session.account == self.account and self._is_wanted(session)

    def _is_wanted(self, session: BitfinexSession) -> bool:
        if session.filters is None:
            return True
        wanted = {self.topic, *(f"{self.topic}-{detail}" for detail in self.details)}
        return any(each in wanted for each in session.filters)


class PrivateFeeds:
    """Frames are made when something changes, and sent when that is on disk."""

    def __init__(self, exchange: BitfinexExchange, queries: AccountQueries, faults: ArmedFaults) -> None:
        self._exchange = exchange
        self._queries = queries
        self._faults = faults
        self._sessions: dict[int, BitfinexSession] = {}

    def sessions(self) -> list[BitfinexSession]:
        return list(self._sessions.values())

    def join(self, session: BitfinexSession) -> None:
        """Let a client hear of its account, beginning with snapshots. Everything before must be on disk."""
        assert session.account is not None
        self._sessions[session.id] = session
        account, registry = session.account, self._exchange.registry
        orders: list[object] = [order_row(order) for order in registry.open_orders(account)]
        snapshots: tuple[tuple[str, list[object], str], ...] = (
            ("ps", self._queries.position_rows(account), TRADING),
            ("ws", self._queries.wallet_rows(account, is_calculated=False), WALLET),
            ("os", orders, TRADING),
            ("fos", [], FUNDING_INFO),
            ("fcs", [], FUNDING_INFO),
            ("fls", [], FUNDING_INFO),
            ("bu", self._balance(account), BALANCE),
        )
        for kind, rows, topic in snapshots:
            is_wanted = session.filters is None or any(each.partition("-")[0] == topic for each in session.filters)
            if is_wanted:
                session.send(ACCOUNT, kind, rows)

    def leave(self, session: BitfinexSession) -> None:
        self._sessions.pop(session.id, None)

    def publication(self, news: BitfinexNews) -> Publication:
        frames = [frame for event in news.events for frame in _frames(event)]
        frames += self._wallet_frames(news)

        def publish(_now_ms: int) -> None:
            for frame in frames:
                self._send(frame)

        return publish

    def calculate(self, session: BitfinexSession, keys: list[str]) -> None:
        """Answer a client that asks to calculate wallets, positions, margins or its balance."""
        assert session.account is not None
        account, ledger = session.account, self._exchange.ledger
        for key in keys:
            kind, _, rest = key.partition("_")
            if kind == "wallet":
                type, _, currency = rest.partition("_")
                wallet = ledger.wallet(account, type, currency)
                session.send(ACCOUNT, "wu", wallet_row(wallet, ledger.available(account, type, currency)))
            elif kind == "position" and rest in self._exchange.symbols:
                for row in self._queries.position_rows(account):
                    if isinstance(row, list) and row[0] == rest:
                        session.send(ACCOUNT, "pu", row)
            elif key == "margin_base":
                session.send(ACCOUNT, "miu", ["base", self._queries.margin_base(account)])
            elif kind == "margin" and rest.removeprefix("sym_") in self._exchange.symbols:
                name = rest.removeprefix("sym_")
                if self._exchange.symbols[name].is_margin:
                    session.send(ACCOUNT, "miu", ["sym", name, self._queries.margin_symbol(account, name)])
            elif key == "balance":
                session.send(ACCOUNT, "bu", self._balance(account))

    def _send(self, frame: AccountFrame) -> None:
        listeners = [session for session in self._sessions.values() if frame.is_for(session)]
        if not listeners:
            return
        sent = self._faults.for_event("user", MARKET, frame)
        for session in listeners:
            if not sent:
                session.send(ACCOUNT, frame.kind, frame.row, is_lost=True)
        for each in sent:
            for session in self._sessions.values():
                if each.is_for(session):
                    session.send(ACCOUNT, each.kind, each.row)

    def _wallet_frames(self, news: BitfinexNews) -> Iterator[AccountFrame]:
        ledger, accounts = self._exchange.ledger, dict.fromkeys(key[0] for key in news.wallets)
        for account, type, currency in news.wallets:
            wallet = ledger.wallet(account, type, currency)
            names = (type, FILTER_WALLETS[type])
            yield AccountFrame(
                account=account,
                kind="wu",
                row=wallet_row(wallet, ledger.available(account, type, currency)),
                topic=WALLET,
                details=(*names, *(f"{name}-{currency}" for name in names)),
            )
        for account in accounts:
            yield AccountFrame(account=account, kind="bu", row=self._balance(account), topic=BALANCE)
            if any(type == MARGIN for owner, type, _ in news.wallets if owner == account):
                row = ["base", self._queries.margin_base(account)]
                yield AccountFrame(account=account, kind="miu", row=row, topic=TRADING)

    def _balance(self, account: str) -> list[object]:
        """Return what an account is worth in dollars, without and with what it owes."""
        worth = number(rounded(max(ZERO, self._queries.worth(account))))
        return [worth, worth]


def _frames(event: BitfinexEvent) -> Iterator[AccountFrame]:
    match event:
        case BitfinexNoticeEvent(session_id=session_id, row=row):
            yield AccountFrame(account=None, kind="n", row=row, topic=NOTIFY, session_id=session_id)
        case BitfinexOrderEvent(kind=kind, order=order):
            details = (order.symbol,)
            yield AccountFrame(account=order.account, kind=kind, row=order_row(order), topic=TRADING, details=details)
        case BitfinexPositionEvent(kind=kind, account=account, symbol=symbol, row=row):
            yield AccountFrame(account=account, kind=kind, row=row, topic=TRADING, details=(symbol,))
        case BitfinexTradeEvent(trade=trade):
            for kind, has_fee in (("te", False), ("tu", True)):
                yield AccountFrame(
                    account=trade.account,
                    kind=kind,
                    row=trade_row(trade, has_fee=has_fee),
                    topic=TRADING,
                    details=(trade.symbol,),
                )
