"""However often a key is asked about, its alarm sounds once until its rights change."""

from types import SimpleNamespace
from typing import Any

from tests.scripted.world import RecordingAlarms

from cadenza.application.accounts.watch_key_rights import CREDENTIALS_REMEMBERED_MAX, WatchKeyRights
from cadenza.ports.alarms import Alarm
from cadenza.ports.venue import KeyRights

MAY = KeyRights(may_withdraw=True, is_bound_to_addresses=True)
MAY_NOT = KeyRights(may_withdraw=False, is_bound_to_addresses=True)


def credential(number: int) -> Any:
    return SimpleNamespace(id=number, venue_id="PAPER")


def alarmed_after(*seen: tuple[int, KeyRights | None]) -> list[object]:
    alarms = RecordingAlarms()
    watch = WatchKeyRights(alarms=alarms)
    for number, rights in seen:
        watch.look(credential(number), rights)
    return [facts["credential_id"] for _, facts in alarms.sounded]


def test_each_credential_has_one_alarm() -> None:
    assert alarmed_after((1, MAY), (2, MAY_NOT), (1, MAY), (3, MAY), (1, MAY)) == [1, 3]


def test_a_key_that_gets_the_right_again_has_another_alarm() -> None:
    assert alarmed_after((1, MAY), (1, None), (1, MAY), (1, MAY_NOT), (1, MAY)) == [1, 1]


def test_what_is_remembered_is_limited() -> None:
    many = [(number, MAY) for number in range(CREDENTIALS_REMEMBERED_MAX + 1)]
    assert alarmed_after(*many, many[-1], many[0])[-2:] == [CREDENTIALS_REMEMBERED_MAX, 0]


def test_a_key_that_may_not_trade_has_an_alarm_of_its_own() -> None:
    alarms = RecordingAlarms()
    watch = WatchKeyRights(alarms=alarms)
    reads_only = KeyRights(may_withdraw=False, is_bound_to_addresses=True, may_trade=False)
    for rights in (reads_only, reads_only, MAY_NOT, reads_only):
        watch.look(credential(1), rights)
    assert [kind for kind, _ in alarms.sounded] == [Alarm.KEY_MAY_NOT_TRADE, Alarm.KEY_MAY_NOT_TRADE]
