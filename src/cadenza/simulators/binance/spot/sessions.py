"""User data on sockets of the WebSocket API: methods that REST does not have."""

from __future__ import annotations

from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.wire.errors import key_rejected
from cadenza.simulators.binance.wire.gateway import RequestSecurity, VenueCall
from cadenza.simulators.binance.wire.keys import SimulatedKey
from cadenza.simulators.binance.wire.session import AccountSubscription
from cadenza.simulators.binance.wire.ws_api import session_method, session_of


def _subscribe(call: VenueCall) -> Payload:
    """userDataStream.subscribe, of a session that has logged on."""
    session = session_of(call)
    if session.key is None:
        raise key_rejected()
    return {"subscriptionId": call.venue.spot.user_streams.subscribe(session, _of(session.key))}


def _subscribe_signature(call: VenueCall) -> Payload:
    """userDataStream.subscribe.signature, with a key of any kind."""
    assert call.key is not None
    return {"subscriptionId": call.venue.spot.user_streams.subscribe(session_of(call), _of(call.key))}


def _unsubscribe(call: VenueCall) -> Payload:
    call.venue.spot.user_streams.unsubscribe(session_of(call), call.params.integer("subscriptionId"))
    return {}


def _subscriptions(call: VenueCall) -> list[Payload]:
    return [{"subscriptionId": number} for number in session_of(call).subscriptions]


def _of(key: SimulatedKey) -> AccountSubscription:
    return AccountSubscription(account=key.account, key=key.key)


USER_DATA_METHODS = (
    session_method("session.subscriptions", _subscriptions),
    session_method("userDataStream.subscribe", _subscribe),
    session_method("userDataStream.subscribe.signature", _subscribe_signature, RequestSecurity.USER_DATA),
    session_method("userDataStream.unsubscribe", _unsubscribe),
)
