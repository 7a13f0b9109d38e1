"""Where the real Centrifugo and our own socket differ on purpose. docs/websocket.md has the same table."""

from collections.abc import Mapping

from tests.centrifugo.judge import House

DIFFERENCES: Mapping[str, tuple[str, str, str]] = {
    "ping": ("the command `ping`", "answered", "closes with 3501: pings are its own affair"),
    "spelling": ("`presenceStats`, `subRefresh`", "read and answered so", "close with 3501: it reads `presence_stats`"),
    "expired": (
        "an expired token in `connect`",
        "error 109; try again",
        "error 109, and the connection is cut",
    ),
    "late call": (
        "an RPC after the token has expired, before a newer one comes",
        "error 109: rights are those of the moment",
        "answered as long as the session lives",
    ),
    "history": (
        "history of an account",
        "its whole log; offset = sequence",
        "the newest 1000 of a day, by offsets of its own; `tags.sequence` has ours",
    ),
    "restart": (
        "recovery after the socket's kill -9",
        "`recovered: true`",
        "with its memory engine `recovered: false`: read by REST again",
    ),
    "server": (
        "a restart of our server",
        "closes with 3001; clients come back and recover",
        "clients stay, and get what they missed as soon as we are back; trades of that time are missing",
    ),
    "joins": (
        "joins and leaves",
        "pushed to those that ask with `join_leave`",
        "pushed to everybody on an account's channel",
    ),
    "books": (
        "a fresh subscription to a book",
        "the book as the first push",
        "the book in the reply's `data`; recovery brings the books that were missed",
    ),
    "portfolio": (
        "the portfolio after a subscribe",
        "with the next of four rounds a second",
        "half a second after we let the client in; none is remembered",
    ),
    "presence": (
        "`presence`, `presence_stats`, `history` without a subscription",
        "answered of what the tenant may see, else error 102",
        "error 103; of the market's presence always 108",
    ),
    "nowhere": ("a name that is no channel at all", "error 102", "error 103 or 108 when no namespace is named"),
    "unnamed": ("a command without its channel", "error 107", "closes with 3501"),
    "order": ("commands of one frame", "one after another", "subscriptions beside the others"),
    "two": ("two requests in one command", "closes with 3501", "one of them is answered"),
    "deep": ("an RPC's data nested thousands deep", "closes with 3501", "error 107"),
    "blank": ("a blank line between commands", "nothing", "closes with 3501"),
    "send": ("`send`", "taken, and nothing happens", "closes with 3508"),
    "flag": ("`flag: 2` in `subscribe`", "error 112 instead of `recovered: false`", "not known"),
    "tokenless": ("`refresh` with an empty token", "closes with 3500", "closes with 3501"),
    "binary": (
        "binary frames, and the binary protocol",
        "close with 3506",
        "read as if they were text, and spoken",
    ),
    "subscription token": (
        "`token` in `subscribe`; `sub_refresh`",
        "not read; answered to a valid access token",
        "error 103; closes with 3501",
    ),
    "too long": ("a message that is too long", "closes with 1009", "closes with 1009, or the wire is cut before that"),
    "utf8": ("text that is not UTF-8", "closes with 1007", "read as it is"),
    "session": (
        "a session that ends",
        "closes with 3500: at once, or within `session_check_ms` where another process ended it",
        "closes with 3500 at the next RPC or subscription; gets nothing new after two minutes",
    ),
    "goodbye": ("a client that does not read", "gets 3008 when it reads again", "may find the wire cut instead"),
    "limits": (
        "more commands, or RPCs at once, than allowed",
        "closes with 3013; error 111",
        "not limited; what is too much waits",
    ),
    "origin": ("a web page of another origin", "may connect", "may not, unless `--origin` names it"),
    "outside": (
        "tokens of an outside issuer",
        "in `connect.token`",
        "in `connect.data.token`; connect again when they expire",
    ),
}
"""By name: what, with our own socket, with Centrifugo."""


def differs(house: House, name: str) -> bool:
    """Whether this is the side that does it the other way."""
    assert name in DIFFERENCES
    return house.centrifugo is not None


def difference_table() -> str:
    """Return the table of docs/websocket.md."""
    rows = ["| what | our own socket | Centrifugo |", "|---|---|---|"]
    rows += [f"| {what} | {ours} | {theirs} |" for what, ours, theirs in DIFFERENCES.values()]
    return "\n".join(rows) + "\n"
