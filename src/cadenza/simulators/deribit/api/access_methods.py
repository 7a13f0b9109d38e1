"""Access, heartbeats, and what happens when a connection ends."""

from __future__ import annotations

from cadenza.simulators.deribit.api.payloads import Payload
from cadenza.simulators.deribit.wire.access import CONNECTION, SESSION, DeribitKey, IssuedToken
from cadenza.simulators.deribit.wire.errors import invalid_credentials, invalid_params, must_be_websocket_request
from cadenza.simulators.deribit.wire.gateway import NO_RESULT, MethodCall, RpcMethod

GRANT_TYPES = ("client_credentials", "client_signature", "refresh_token")
COD_SCOPES = ("connection", "account")


def auth(call: MethodCall) -> Payload:
    """public/auth. On a socket the access is the socket's from then on."""
    venue, params = call.venue, call.params
    grant_type = params.choice("grant_type", GRANT_TYPES)
    scope, state = params.text("scope"), params.text("state")
    match grant_type:
        case "client_credentials":
            key = _by_secret(call)
        case "client_signature":
            key = _by_signature(call)
        case "refresh_token":
            former = venue.tokens.take_refresh(params.must_text("refresh_token"))
            if former is None or venue.keys.find(former.grant.key.key) is None:
                raise invalid_credentials()
            key, scope = former.grant.key, scope or former.scope()
        case _:
            raise invalid_params("grant_type", "must be provided")
    params.done()
    token = venue.tokens.issue(key, scope, call.connection_id, call.now_ms, venue.settings.token_ms)
    if call.connection is not None:
        call.connection.grant, call.connection.session = token.grant, token.session
        call.connection.access_until_ms = token.expires_ms
    answer = _token_payload(token, call.now_ms)
    return answer if state is None else answer | {"state": state}


def logout(call: MethodCall) -> object:
    """private/logout: the connection is closed, without an answer and without canceling orders."""
    is_ending = call.params.flag("invalidate_token") if call.params.has("invalidate_token") else True
    call.params.done()
    call.socket.was_logged_out = True
    if is_ending:
        call.venue.tokens.end_connection(call.connection_id, call.socket.session)
    return NO_RESULT


def set_heartbeat(call: MethodCall) -> str:
    """public/set_heartbeat."""
    interval_s = call.params.number("interval")
    call.params.done()
    least = call.venue.settings.heartbeat_s_min
    if interval_s is None or interval_s < least:
        raise invalid_params("interval", f"value must be at least {least}")
    call.socket.start_heartbeat(int(interval_s * 1_000), call.venue.clock.monotonic_ms())
    return "ok"


def disable_heartbeat(call: MethodCall) -> str:
    """public/disable_heartbeat."""
    call.params.done()
    call.socket.start_heartbeat(None, call.venue.clock.monotonic_ms())
    return "ok"


def enable_cancel_on_disconnect(call: MethodCall) -> str:
    """private/enable_cancel_on_disconnect: of this connection, or of those that the account opens from now on."""
    return _set_cancel_on_disconnect(call, is_on=True)


def disable_cancel_on_disconnect(call: MethodCall) -> str:
    """private/disable_cancel_on_disconnect."""
    return _set_cancel_on_disconnect(call, is_on=False)


def get_cancel_on_disconnect(call: MethodCall) -> Payload:
    """private/get_cancel_on_disconnect."""
    scope = _cod_scope(call)
    is_on = call.venue.disconnect_cancels.get(call.account, False)
    if scope == "connection":
        own = call.socket.cancels_on_disconnect
        is_on = is_on if own is None else own
    return {"scope": scope, "enabled": is_on}


def _set_cancel_on_disconnect(call: MethodCall, *, is_on: bool) -> str:
    if _cod_scope(call) == "connection":
        call.socket.cancels_on_disconnect = is_on
        return "ok"
    before = call.venue.disconnect_cancels.get(call.account, False)
    for each in call.venue.connections.values():
        if each.cancels_on_disconnect is None:
            each.cancels_on_disconnect = before
    call.venue.set_disconnect_cancels(call.account, is_on=is_on)
    return "ok"


def _cod_scope(call: MethodCall) -> str:
    scope = call.params.choice("scope", COD_SCOPES) or "connection"
    call.params.done()
    if scope == "connection" and call.connection is None:
        raise must_be_websocket_request()
    return scope


def _by_secret(call: MethodCall) -> DeribitKey:
    key = call.venue.keys.find(call.params.must_text("client_id"))
    secret = call.params.must_text("client_secret")
    if key is None or key.secret != secret:
        raise invalid_credentials()
    return key


def _by_signature(call: MethodCall) -> DeribitKey:
    """The signature is the HMAC of the time, the nonce and the data, with a line's end after the first two."""
    params = call.params
    key = call.venue.keys.find(params.must_text("client_id"))
    timestamp = params.must_integer("timestamp")
    signature, nonce, data = params.must_text("signature"), params.text("nonce") or "", params.text("data") or ""
    if key is None or not key.verifies(f"{timestamp}\n{nonce}\n{data}", signature):
        raise invalid_credentials()
    if abs(call.now_ms - timestamp) > call.venue.settings.signature_age_ms_max:
        raise invalid_credentials()
    return key


def _token_payload(token: IssuedToken, now_ms: int) -> Payload:
    return {
        "access_token": token.access,
        "token_type": "bearer",
        "expires_in": (token.expires_ms - now_ms) // 1_000,
        "refresh_token": token.refresh,
        "scope": token.scope(),
        "enabled_features": [],
        "sid": CONNECTION if token.session is None else f"{SESSION}{token.session}",
    }


_WRITE, _READ = "account:read_write", "account:read"
ACCESS_METHODS = (
    RpcMethod(name="public/auth", handler=auth),
    RpcMethod(name="private/logout", handler=logout, is_socket_only=True),
    RpcMethod(name="public/set_heartbeat", handler=set_heartbeat, is_socket_only=True),
    RpcMethod(name="public/disable_heartbeat", handler=disable_heartbeat, is_socket_only=True),
    RpcMethod(name="private/enable_cancel_on_disconnect", handler=enable_cancel_on_disconnect, scope=_WRITE),
    RpcMethod(name="private/disable_cancel_on_disconnect", handler=disable_cancel_on_disconnect, scope=_WRITE),
    RpcMethod(name="private/get_cancel_on_disconnect", handler=get_cancel_on_disconnect, scope=_READ),
)
