"""docs/websocket.md says what is there."""

from dataclasses import fields
from pathlib import Path

from cadenza.adapters.realtime.codes import DISCONNECTS, ERRORS, UNSUBSCRIBES
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.rpc_table import method_table
from cadenza.runtime.config import Settings, SocketSettings
from cadenza.runtime.wiring.realtime import socket_limits

PAGE = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text()


def test_every_method() -> None:
    assert method_table() in PAGE


def test_every_code() -> None:
    for told in ERRORS:
        assert f"| {told.code} | {told.message} | {'yes' if told.temporary else 'no'} |" in PAGE
    for ended in UNSUBSCRIBES:
        assert f"| {ended.code} | {ended.reason} |" in PAGE
    for closed in DISCONNECTS:
        assert f"| {closed.code} | {closed.reason} | {'no' if closed.is_final else 'yes'} |" in PAGE


def test_codes_are_those_of_the_protocol() -> None:
    assert [each.code for each in ERRORS] == list(range(100, 114))
    assert [each.code for each in UNSUBSCRIBES] == [2000, 2500, 2501, 2502]
    missing = {3002, 3003, 3007}  # not used by the protocol
    assert {each.code for each in DISCONNECTS} == {*range(3000, 3015), *range(3500, 3510)} - missing
    assert all(len(each.reason.encode()) < 124 for each in DISCONNECTS)


def test_every_limit() -> None:
    for limit in fields(RealtimeLimits):
        assert f"| `{limit.name}` | {limit.default} |" in PAGE


def test_every_limit_is_a_setting_with_the_same_default() -> None:
    assert socket_limits(Settings()) == RealtimeLimits()
    assert [each.name for each in fields(SocketSettings)] == [each.name for each in fields(RealtimeLimits)]
