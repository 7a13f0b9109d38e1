"""Frames that no decent client sends, for our socket and for its judge."""

from tests.adapters.realtime.raw_client import CONT, PING, TEXT, frame

CALL = b'{"id":9,"rpc":{"method":"query.venue.list","data":{}}}'

MALFORMED = {
    "no JSON": b"hello",
    "half of an object": b'{"id":1,"rpc":{',
    "an array": b"[" + CALL + b"]",
    "a number": b"1",
    "null": b"null",
    "empty": b"",
    "a text for an id": b'{"id":"1","rpc":{}}',
    "a huge id": b'{"id":184467440737095516150,"rpc":{}}',
    "a negative id": b'{"id":-1,"rpc":{}}',
    "a fraction for an id": b'{"id":1.5,"rpc":{}}',
    "an array for a request": b'{"id":1,"subscribe":[]}',
    "a number for a channel": b'{"id":1,"subscribe":{"channel":1}}',
    "a negative offset": b'{"id":1,"subscribe":{"channel":"a","recover":true,"offset":-1}}',
    "a command without an id": b'{"rpc":{"method":"query.venue.list"}}',
    "an id without a command": b'{"id":1}',
    "a command that does not exist": b'{"id":1,"dance":{}}',
    "a second connect": b'{"id":1,"connect":{"token":"x"}}',
    "deep nesting": b'{"id":1,"subscribe":' + b'{"x":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "NaN": b'{"id":NaN,"rpc":{}}',
    "one bad line among good ones": CALL + b"\nnope\n" + CALL,
}
"""Texts that are answered by closing with 3501."""

BREACHES = {
    "no mask": frame(TEXT, CALL, is_masked=False),
    "reserved bits": b"\xf1\x80" + b"\0" * 4,
    "an opcode that does not exist": b"\x83\x80" + b"\0" * 4,
    "a continuation of nothing": frame(CONT, b"x"),
    "a message inside a message": frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
    "a control frame that is too long": frame(PING, b"x" * 126),
    "a control frame in parts": frame(PING, b"x", fin=False),
}
"""Bytes that break RFC 6455: closed with 1002."""
