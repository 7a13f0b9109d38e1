"""What goes over the WebSocket, as schemas for the OpenAPI document. docs/websocket.md explains the commands.

The interface lists the socket as one operation whose body is a command and whose reply is one too. The shapes are plain
data: the socket reads and writes its own, for speed, and they keep to these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

PATH = "/connection/websocket"

_METHODS: Mapping[str, str] = {
    "query": "system.info system.check trading_account.list trading_account.operation.list "
    "trading_account.subscription.list credential.list trade_order.get trade_order.get_by_id trade_order.list "
    "portfolio.get portfolio.list instrument.list security.list venue.list orderbook.get orderbook.list kline.list "
    "ticker.list market.subscription.orderbook.list subscription.list",
    "command": "trading_account.create trading_account.save trading_account.delete trading_account.update "
    "trading_account.validate trading_account.connect trading_account.disconnect trading_account.enable "
    "trading_account.disable trading_account.subscribe trading_account.unsubscribe credential.create credential.save "
    "credential.revoke credential.rotate credential.verify trade_order.submit trade_order.cancel trade_order.save "
    "portfolio.save instrument.sync instrument.save instrument.delete instrument.enable instrument.disable "
    "security.sync security.save security.delete orderbook.save kline.save ticker.save "
    "market.subscription.orderbook.subscribe market.subscription.orderbook.unsubscribe subscription.create "
    "subscription.mc.create",
    "event": "trading_account.updated trading_account.subscription.updated credential.updated trade_order.updated "
    "portfolio.updated instrument.updated security.updated orderbook.updated subscription.updated",
}
ASKED: Sequence[str] = tuple(f"{kind}.{name}" for kind in ("query", "command") for name in _METHODS[kind].split())
"""The methods that a client may ask for."""

_NAMED = (
    *(f"response.{method.partition('.')[2]}" for method in ASKED),
    *(f"event.{name}" for name in _METHODS["event"].split()),
)


def _fields(description: str = "", required: Sequence[str] = (), /, **properties: Schema) -> Schema:
    """Return the schema of an object. Names are given in Python's spelling."""
    found: Schema = {"type": "object", "properties": {_camel(name): part for name, part in properties.items()}}
    if description:
        found["description"] = description
    return found | ({"required": [*required]} if required else {})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(f"{part[0].upper()}{part[1:]}" for part in rest)


def _model(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _about(schema: Schema, description: str) -> Schema:
    return schema | {"description": description}


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer"}
_LONG: Schema = {"type": "integer", "format": "int64"}
_EMPTY: Schema = {"type": "object"}
_FREE: Schema = {"type": "object", "additionalProperties": True}
_PUBLICATIONS: Schema = {"type": "array", "items": _model("WsPublication")}
_POSITION = {"offset": _LONG, "epoch": _TEXT}
_EXPIRY = {"expires": _FLAG, "ttl": _about(_COUNT, "Seconds")}
_ENDED = {"code": _COUNT, "reason": _TEXT}
_CHANNEL = {"channel": _TEXT}
_OF_CHANNEL: Schema = _fields("", ["channel"], **_CHANNEL)

_COMMANDS: Mapping[str, Schema] = {
    "WsConnectRequest": _fields(
        "The first command.",
        ["token"],
        token=_about(_TEXT, "An access token"),
        data=_FREE,
        subs=_about(_FREE, "Ignored: subscribe by commands"),
        name=_TEXT,
        version=_TEXT,
    ),
    "WsSubscribeRequest": _fields(
        "With `recover`, `epoch` and `offset` the reply carries what was published after that position.",
        ["channel"],
        **_CHANNEL,
        token=_TEXT,
        recover=_FLAG,
        **_POSITION,
        data=_FREE,
        positioned=_FLAG,
        recoverable=_FLAG,
        join_leave=_FLAG,
        delta=_TEXT,
    ),
    "WsUnsubscribeRequest": _OF_CHANNEL,
    "WsPublishRequest": _fields(
        "Always refused with 103: clients publish nothing.", ["channel", "data"], **_CHANNEL, data=_FREE
    ),
    "WsPresenceRequest": _OF_CHANNEL,
    "WsPresenceStatsRequest": _OF_CHANNEL,
    "WsHistoryRequest": _fields(
        "", ["channel"], **_CHANNEL, limit=_COUNT, since=_model("WsStreamPosition"), reverse=_FLAG
    ),
    "WsStreamPosition": _fields(**_POSITION),
    "WsSendRequest": _fields(data=_FREE),
    "WsRpcRequest": _fields(
        "",
        ["method"],
        method=_model("RpcMethod"),
        data=_about(_EMPTY, "What the method takes"),
    ),
    "WsRefreshRequest": _fields("", ["token"], token=_about(_TEXT, "A newer access token of the same user")),
    "WsSubRefreshRequest": _fields("", ["channel", "token"], **_CHANNEL, token=_TEXT),
}

_RESULTS: Mapping[str, Schema] = {
    "WsConnectResult": _fields(
        client=_TEXT,
        version=_TEXT,
        **_EXPIRY,
        data=_FREE,
        subs=_FREE,
        ping=_about(_COUNT, "Seconds between pings"),
        pong=_FLAG,
        session=_TEXT,
        node=_TEXT,
        time=_LONG,
    ),
    "WsSubscribeResult": _fields(
        **_EXPIRY,
        recoverable=_FLAG,
        epoch=_TEXT,
        publications=_PUBLICATIONS,
        recovered=_FLAG,
        offset=_LONG,
        positioned=_FLAG,
        data=_FREE,
        delta=_FLAG,
    ),
    "WsPresenceResult": _fields(presence=_FREE),
    "WsPresenceStatsResult": _fields(num_clients=_COUNT, num_users=_COUNT),
    "WsHistoryResult": _fields(publications=_PUBLICATIONS, **_POSITION),
    "WsRpcResult": _fields(
        data=_about(_EMPTY, "The answer of the method as `data`, or its refusal as `error`"),
    ),
    "WsRefreshResult": _fields(client=_TEXT, version=_TEXT, **_EXPIRY),
    "WsSubRefreshResult": _fields(**_EXPIRY),
}

_PUSHES: Mapping[str, Schema] = {
    "WsPush": _fields(
        **_CHANNEL,
        pub=_model("WsPublication"),
        join=_model("WsJoin"),
        leave=_model("WsLeave"),
        unsubscribe=_model("WsUnsubscribePush"),
        message=_model("WsMessage"),
        subscribe=_model("WsSubscribePush"),
        connect=_model("WsConnectPush"),
        disconnect=_model("WsDisconnect"),
        refresh=_model("WsRefreshPush"),
    ),
    "WsPublication": _fields(
        "`data` is `{type, data}`, the inner one in the shape of REST.",
        data=_FREE,
        info=_model("WsClientInfo"),
        offset=_LONG,
        tags=_FREE,
        delta=_FLAG,
        time=_LONG,
        **_CHANNEL,
    ),
    "WsClientInfo": _fields(user=_TEXT, client=_TEXT, conn_info=_FREE, chan_info=_FREE),
    "WsJoin": _fields(info=_model("WsClientInfo")),
    "WsLeave": _fields(info=_model("WsClientInfo")),
    "WsUnsubscribePush": _fields(**_ENDED),
    "WsMessage": _fields(data=_FREE),
    "WsSubscribePush": _fields(recoverable=_FLAG, epoch=_TEXT, offset=_LONG, positioned=_FLAG, data=_FREE),
    "WsConnectPush": _fields(client=_TEXT, version=_TEXT, data=_FREE),
    "WsDisconnect": _fields(**_ENDED, reconnect=_FLAG),
    "WsRefreshPush": _fields(**_EXPIRY),
}

SOCKET_SCHEMAS: Mapping[str, Schema] = {
    "WsCommand": _fields(
        "A command: an id and one of the other fields. `{}` answers a ping.",
        ["id"],
        id=_about(_COUNT, "The reply carries it"),
        connect=_model("WsConnectRequest"),
        subscribe=_model("WsSubscribeRequest"),
        unsubscribe=_model("WsUnsubscribeRequest"),
        publish=_model("WsPublishRequest"),
        presence=_model("WsPresenceRequest"),
        presence_stats=_model("WsPresenceStatsRequest"),
        history=_model("WsHistoryRequest"),
        ping=_EMPTY,
        send=_model("WsSendRequest"),
        rpc=_model("WsRpcRequest"),
        refresh=_model("WsRefreshRequest"),
        sub_refresh=_model("WsSubRefreshRequest"),
    ),
    "WsReply": _fields(
        "A reply with the id of its command, or a push without an id. `{}` is a ping.",
        id=_COUNT,
        error=_model("WsError"),
        push=_model("WsPush"),
        connect=_model("WsConnectResult"),
        subscribe=_model("WsSubscribeResult"),
        unsubscribe=_EMPTY,
        publish=_EMPTY,
        presence=_model("WsPresenceResult"),
        presence_stats=_model("WsPresenceStatsResult"),
        history=_model("WsHistoryResult"),
        ping=_EMPTY,
        rpc=_model("WsRpcResult"),
        refresh=_model("WsRefreshResult"),
        sub_refresh=_model("WsSubRefreshResult"),
    ),
    "WsError": _fields("", ["code", "message"], code=_COUNT, message=_TEXT, temporary=_FLAG),
    **_COMMANDS,
    **_RESULTS,
    **_PUSHES,
    "RpcMethod": {
        "type": "string",
        "description": "Ask for `query.*` and `command.*`. The others name answers and events; error 104 refuses them.",
        "enum": [*ASKED, *_NAMED],
    },
}
"""The schemas by name. They refer to each other as components of an OpenAPI document."""
