"""User data: subscriptions of accounts on sockets of the WebSocket API, and their wrapped events."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.news import VenueNews
from cadenza.simulators.binance.spot.payloads import Payload, account_position, balance_update, execution_report
from cadenza.simulators.binance.wire.errors import VenueRefusal
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.session import AccountSubscription, UserSession
from cadenza.simulators.kit.faults import ArmedFaults

SUBSCRIPTIONS_MAX = 65_535
"""How many subscriptions one session may make in its life."""


class UserStreams:
    """An account has at most one subscription on a socket, and any number of sockets. `market_of` names the market of
    an account."""

    def __init__(self, exchange: SpotExchange, faults: ArmedFaults, market_of: Callable[[str], VenueMarket]) -> None:
        self._exchange = exchange
        self._market_of = market_of
        self._faults = faults
        self._sessions: dict[UserSession, None] = {}

    def subscribe(self, session: UserSession, subscription: AccountSubscription) -> int:
        """Return the number of a new subscription."""
        if number_of(session, subscription.account) is not None:
            raise VenueRefusal(-2035, "Subscription for the given account is already active.")
        if session.made >= SUBSCRIPTIONS_MAX:
            raise VenueRefusal(-1191, f"Too many subscriptions. Session may create up to '{SUBSCRIPTIONS_MAX}'.")
        number = session.made
        session.made += 1
        session.subscriptions[number] = subscription
        self._sessions[session] = None
        return number

    def extend(self, session: UserSession, subscription: AccountSubscription) -> int:
        """Return the number of a subscription that lives until a later instant, or of a new one."""
        number = number_of(session, subscription.account)
        if number is None:
            return self.subscribe(session, subscription)
        session.subscriptions[number] = subscription
        return number

    def unsubscribe(self, session: UserSession, number: int | None) -> None:
        """End one subscription, or all of the session."""
        if number is None:
            session.subscriptions.clear()
        elif session.subscriptions.pop(number, None) is None:
            raise VenueRefusal(-2036, "Subscription not active.")
        if not session.subscriptions:
            self._sessions.pop(session, None)

    def leave(self, session: UserSession) -> None:
        self._sessions.pop(session, None)

    def terminate(self, at_ms: int, key: str | None = None) -> None:
        """End the subscriptions of a key, or all, with an event that says so."""
        for session in list(self._sessions):
            for number, subscription in list(session.subscriptions.items()):
                if key in (None, subscription.key):
                    self._end(session, number, at_ms)

    def expire(self, now_ms: int) -> None:
        """End the subscriptions whose time has passed, with an event that says so."""
        for session in list(self._sessions):
            for number, subscription in list(session.subscriptions.items()):
                if subscription.until_ms is not None and subscription.until_ms <= now_ms:
                    self._end(session, number, now_ms)

    def send_news(self, news: VenueNews, at_ms: int) -> None:
        """Send executions in their order, then per account the assets that may have changed."""
        for deposit in news.deposits:
            self._send(deposit.account, balance_update(deposit.asset, deposit.amount, deposit.at_ms))
        for execution in news.executions:
            self._send(execution.order.account, execution_report(execution, at_ms))
        for account, assets in news.moved_assets.items():
            balances = self._exchange.balances(account)
            moved = {asset: balances[asset] for asset in assets if asset in balances}
            if moved:
                self._send(account, account_position(moved, at_ms))

    def _end(self, session: UserSession, number: int, at_ms: int) -> None:
        session.send_event({"subscriptionId": number, "event": {"e": "eventStreamTerminated", "E": at_ms}})
        self.unsubscribe(session, number)

    def _send(self, account: str, event: Payload) -> None:
        listeners = [
            (session, number)
            for session in self._sessions
            for number, subscription in session.subscriptions.items()
            if subscription.account == account
        ]
        if not listeners:
            return
        for sent in self._faults.for_event("user", self._market_of(account), event):
            for session, number in listeners:
                session.send_event({"subscriptionId": number, "event": sent})


def number_of(session: UserSession, account: str) -> int | None:
    """Return the number of an account's subscription on a socket; None when there is none."""
    found = (number for number, each in session.subscriptions.items() if each.account == account)
    return next(found, None)
