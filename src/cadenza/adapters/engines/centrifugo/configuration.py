"""The configuration that Centrifugo needs to stand in front of us, for its versions 5 and 6.

Version 6 groups the options that version 5 has side by side; what they mean is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Version = Literal[5, 6]
Namespace = Literal["tradingAccount", "market"]

SECRET_HEADER = "X-Cadenza-Proxy-Secret"  # noqa: S105 - the header's name
PROXIED = ("connect", "subscribe", "sub_refresh", "rpc")
"""Not `refresh`: with it Centrifugo would not ask clients for newer tokens any more."""
_QUESTION_TIMEOUT_S = 5
_RPC_TIMEOUT_S = 60
"""An RPC may wait for an order to be closed."""
_META_TTL = "720h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is written into the configuration; what the limits mean is said in docs/websocket.md."""

    token_key: str
    token_issuer: str
    token_audience: str
    api_key: str
    proxy_url: str
    """Where the proxy endpoints are, without the last part of the path."""
    proxy_secret: str
    address: str
    port: int
    allowed_origins: tuple[str, ...]
    frame_bytes_max: int
    channels_per_connection_max: int
    connections_per_user_max: int
    connections_max: int
    queue_bytes_max: int
    rpcs_in_flight_max: int
    history_items_max: int
    market_history_age_ms_max: int
    account_history_age_ms_max: int
    connect_timeout_ms: int
    ping_interval_ms: int
    pong_timeout_ms: int
    expiry_delay_ms: int


def configuration(version: Version, facts: Facts) -> Mapping[str, Any]:
    """Return the whole configuration, ready to be written as JSON."""
    return _version_5(facts) if version == 5 else _version_6(facts)


def _version_5(facts: Facts) -> Mapping[str, Any]:
    proxies: dict[str, Any] = {}
    for name in PROXIED:
        proxies[f"proxy_{name}_endpoint"] = f"{facts.proxy_url}/{name}"
        proxies[f"proxy_{name}_timeout"] = f"{_timeout_s(name)}s"
    return {
        "address": facts.address,
        "port": facts.port,
        "engine": "memory",
        "usage_stats_disable": True,
        "allowed_origins": list(facts.allowed_origins),
        "token_hmac_secret_key": facts.token_key,
        "token_issuer": facts.token_issuer,
        "token_audience": facts.token_audience,
        "api_key": facts.api_key,
        **{f"client_{name}": value for name, value in _client(facts).items()},
        "client_connect_include_server_time": True,
        "ping_interval": _ms(facts.ping_interval_ms),
        "pong_timeout": _ms(facts.pong_timeout_ms),
        "websocket_message_size_limit": facts.frame_bytes_max,
        "proxy_static_http_headers": {SECRET_HEADER: facts.proxy_secret},
        "proxy_include_connection_meta": True,
        **proxies,
        "namespaces": [
            {**options, "proxy_subscribe": True, "proxy_sub_refresh": True} for options in _namespaces(facts)
        ],
    }


def _version_6(facts: Facts) -> Mapping[str, Any]:
    def proxy(name: str, **more: Any) -> dict[str, Any]:
        return {
            **more,
            "endpoint": f"{facts.proxy_url}/{name}",
            "timeout": f"{_timeout_s(name)}s",
            "include_connection_meta": True,
            "http": {"static_headers": {SECRET_HEADER: facts.proxy_secret}},
        }

    return {
        "http_server": {"address": facts.address, "port": str(facts.port)},
        "engine": {"type": "memory"},
        "usage_stats": {"disabled": True},
        "http_api": {"key": facts.api_key},
        "websocket": {"message_size_limit": facts.frame_bytes_max},
        "client": {
            "allowed_origins": list(facts.allowed_origins),
            "token": {
                "hmac_secret_key": facts.token_key,
                "issuer": facts.token_issuer,
                "audience": facts.token_audience,
            },
            **_client(facts),
            "connect_include_server_time": True,
            "ping_interval": _ms(facts.ping_interval_ms),
            "pong_timeout": _ms(facts.pong_timeout_ms),
            "proxy": {"connect": proxy("connect", enabled=True)},
        },
        "channel": {
            "proxy": {"subscribe": proxy("subscribe"), "sub_refresh": proxy("sub_refresh")},
            "namespaces": [
                {**options, "subscribe_proxy_enabled": True, "sub_refresh_proxy_enabled": True}
                for options in _namespaces(facts)
            ],
        },
        "rpc": {"proxy": proxy("rpc"), "without_namespace": {"proxy_enabled": True}},
    }


def _client(facts: Facts) -> dict[str, Any]:
    """The options of connections, which have the same names in both versions but for a prefix."""
    return {
        "channel_limit": facts.channels_per_connection_max,
        "user_connection_limit": facts.connections_per_user_max,
        "connection_limit": facts.connections_max,
        "queue_max_size": facts.queue_bytes_max,
        "concurrency": facts.rpcs_in_flight_max,
        "history_max_publication_limit": facts.history_items_max,
        "recovery_max_publication_limit": facts.history_items_max,
        "stale_close_delay": _ms(facts.connect_timeout_ms),
        "expired_close_delay": _ms(facts.expiry_delay_ms),
        "expired_sub_close_delay": _ms(facts.expiry_delay_ms),
    }


def _namespaces(facts: Facts) -> list[dict[str, Any]]:
    """A channel's namespace is what stands before its first colon. Clients publish nowhere: nothing allows it."""
    common = {
        "history_size": facts.history_items_max,
        "history_meta_ttl": _META_TTL,
        "force_positioning": True,
        "force_recovery": True,
        "allow_history_for_subscriber": True,
    }
    account = {
        "name": "tradingAccount",
        **common,
        "history_ttl": _ms(facts.account_history_age_ms_max),
        "presence": True,
        "join_leave": True,
        "force_push_join_leave": True,
        "allow_presence_for_subscriber": True,
    }
    market = {"name": "market", **common, "history_ttl": _ms(facts.market_history_age_ms_max)}
    return [account, market]


def _timeout_s(proxied: str) -> int:
    return _RPC_TIMEOUT_S if proxied == "rpc" else _QUESTION_TIMEOUT_S


def _ms(duration_ms: int) -> str:
    return f"{duration_ms}ms"
