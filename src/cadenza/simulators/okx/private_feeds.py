"""Private channels: orders, conditional orders, account and positions of those who have logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cadenza.domain.money import ONE
from cadenza.simulators.kit.commits import Publication
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.okx.trading.account_payloads import (
    balance_payload,
    plain_balance,
    plain_position,
    position_payload,
)
from cadenza.simulators.okx.trading.algos import TRAILING, AlgoDesk
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.payloads import Payload, algo_payload, order_push
from cadenza.simulators.okx.trading.records import AlgoOrderChange, OkxNews, OrderChange, SimulatedAlgoOrder
from cadenza.simulators.okx.wire.session import ChannelArg, SimulatedSession

ORDERS, ALGOS, ACCOUNT, POSITIONS, BOTH = "orders", "orders-algo", "account", "positions", "balance_and_position"
PRIVATE_CHANNELS = (ORDERS, ACCOUNT, POSITIONS, BOTH)
ADVANCED_ALGOS = "algo-advance"
"""The channel of trailing stops."""

BUSINESS_CHANNELS = (ALGOS, ADVANCED_ALGOS)
CONNECTIONS_PER_CHANNEL_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Push:
    """What an account's listeners of a channel get. The filters say which of them; `shape` makes the frame's rest."""

    account: str
    channel: str
    rows: list[Payload]
    type: str = ""
    symbol: str = ""
    family: str = ""
    extra: tuple[tuple[str, object], ...] = ()

    def fits(self, arg: ChannelArg) -> bool:
        wanted = arg.get("instType", "ANY")
        fits_type = not self.type or wanted in ("ANY", self.type)
        fits_family = arg.get("instFamily", self.family) == self.family
        return fits_type and fits_family and arg.get("instId", self.symbol) == self.symbol


class PrivateFeeds:
    """Payloads are made when something changes, and sent when that is on disk."""

    def __init__(self, exchange: OkxExchange, algos: AlgoDesk, faults: ArmedFaults, uid: Callable[[str], str]) -> None:
        self._exchange = exchange
        self._algos = algos
        self._faults = faults
        self._uid = uid
        self._sessions: dict[SimulatedSession, None] = {}

    def sessions(self) -> list[SimulatedSession]:
        return list(self._sessions)

    def join(self, session: SimulatedSession) -> None:
        self._sessions[session] = None

    def leave(self, session: SimulatedSession) -> None:
        self._sessions.pop(session, None)

    def connections(self, account: str, channel: str) -> int:
        """Return how many sockets of an account listen to a channel."""
        return sum(
            session.account == account and any(arg["channel"] == channel for arg in session.channels.values())
            for session in self._sessions
        )

    def snapshot(self, account: str, arg: ChannelArg, now_ms: int) -> dict[str, object] | None:
        """Return what a new listener gets first; None where its channel has no snapshot."""
        ledger = self._exchange.ledger
        head: dict[str, object] = {"arg": arg | {"uid": self._uid(account)}}
        page = {"eventType": "snapshot", "curPage": 1, "lastPage": True}
        held = ledger.positions(account)
        match arg["channel"]:
            case "account":
                assets = [asset for asset in ledger.assets(account) if arg.get("ccy", asset) == asset]
                return head | page | {"data": [balance_payload(ledger, account, assets, now_ms)]}
            case "positions":
                rows = [
                    position_payload(self._exchange, position, now_ms)
                    for position in held
                    if self._position_push(account, position.symbol, []).fits(arg)
                ]
                return head | page | {"data": rows}
            case "algo-advance":
                pending = [algo for algo in self._algos.of(account) if algo.is_open and algo.type == TRAILING]
                found = [self.algo_row(algo) for algo in pending if self._algo_push(algo).fits(arg)]
                return head | {"data": found} if found else None
            case "balance_and_position":
                row = {
                    "pTime": str(now_ms),
                    "eventType": "snapshot",
                    "balData": [plain_balance(ledger.figures(account, asset)) for asset in ledger.assets(account)],
                    "posData": [plain_position(self._exchange, position) for position in held],
                    "trades": [],
                }
                return head | {"data": [row]}
        return None

    # Publishing

    def publication(self, news: OkxNews, now_ms: int) -> Publication:
        """Return what sends the news. The payloads show the state of now, not of when they are sent."""
        pushes = [self._event_push(event) for event in news.events] + self._state_pushes(news, now_ms)
        return lambda _: self._publish(pushes)

    def _publish(self, pushes: list[_Push]) -> None:
        for push in pushes:
            event = {"arg": {"channel": push.channel}, "push": push}
            for sent in self._faults.for_event("user", "okx", event):
                self._send(sent["push"])  # type: ignore[arg-type]

    def _send(self, push: _Push) -> None:
        for session in list(self._sessions):
            if session.account != push.account:
                continue
            for arg in session.channels.values():
                if arg["channel"] == push.channel and push.fits(arg):
                    head = {"arg": arg | {"uid": self._uid(push.account)}}
                    session.send_frame(head | dict(push.extra) | {"data": push.rows})

    def _event_push(self, event: OrderChange | AlgoOrderChange) -> _Push:
        if isinstance(event, AlgoOrderChange):
            return self._algo_push(event.algo)
        order, exchange = event.order, self._exchange
        instrument = exchange.instruments[order.symbol]
        asset = instrument.quote if instrument.is_spot else instrument.settle
        dollars = exchange.ledger.in_dollars(asset, ONE)
        last = exchange.last_price(order.symbol)
        return _Push(
            account=order.account,
            channel=ORDERS,
            rows=[order_push(event, instrument, last, dollars)],
            type=order.instrument_type,
            symbol=order.symbol,
            family=instrument.family,
        )

    def _algo_push(self, algo: SimulatedAlgoOrder) -> _Push:
        return _Push(
            account=algo.account,
            channel=ADVANCED_ALGOS if algo.type == TRAILING else ALGOS,
            rows=[self.algo_row(algo)],
            type=algo.instrument_type,
            symbol=algo.symbol,
            family=self._exchange.instruments[algo.symbol].family,
        )

    def algo_row(self, algo: SimulatedAlgoOrder) -> Payload:
        instrument = self._exchange.instruments[algo.symbol]
        value = "" if instrument.is_spot else str(instrument.contract_value)
        return algo_payload(algo, self._algos.order_of(algo), self._exchange.last_price(algo.symbol), value)

    def _state_pushes(self, news: OkxNews, now_ms: int) -> list[_Push]:
        """Return the pushes of positions and balances that changed."""
        ledger = self._exchange.ledger
        pushes = []
        for account in ledger.accounts():
            keys = [key for key in news.positions if key[0] == account]
            assets = [asset for owner, asset in news.balances if owner == account]
            for _, symbol, mode, side in keys:
                position = ledger.position(account, symbol, mode, side)
                rows = [position_payload(self._exchange, position, now_ms)]
                pushes.append(self._position_push(account, symbol, rows))
            if assets:
                rows = [balance_payload(ledger, account, assets, now_ms)]
                extra = (("eventType", "event_update"), ("curPage", 1), ("lastPage", True))
                pushes.append(_Push(account=account, channel=ACCOUNT, rows=rows, extra=extra))
            trades = [
                {"instId": event.trade.symbol, "tradeId": str(event.trade.trade_id)}
                for event in news.events
                if isinstance(event, OrderChange) and event.trade is not None and event.trade.account == account
            ]
            if trades or keys:
                row: Payload = {
                    "pTime": str(now_ms),
                    "eventType": "filled" if trades else "exercised",
                    "balData": [plain_balance(ledger.figures(account, asset)) for asset in assets],
                    "posData": [
                        plain_position(self._exchange, ledger.position(account, symbol, mode, side))
                        for _, symbol, mode, side in keys
                    ],
                    "trades": trades,
                }
                pushes.append(_Push(account=account, channel=BOTH, rows=[row]))
        return pushes

    def _position_push(self, account: str, symbol: str, rows: list[Payload]) -> _Push:
        instrument = self._exchange.instruments[symbol]
        extra = (("eventType", "event_update"), ("curPage", 1), ("lastPage", True))
        return _Push(
            account=account,
            channel=POSITIONS,
            rows=rows,
            type=instrument.position_type,
            symbol=symbol,
            family=instrument.family,
            extra=extra,
        )
