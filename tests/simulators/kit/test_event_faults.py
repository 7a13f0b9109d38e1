"""Faults of events: what goes out in place of what happened."""

from random import Random

import pytest

from cadenza.simulators.kit.faults import ArmedFaults, EventFault, EventFaultKind


def armed(*faults: EventFault) -> ArmedFaults:
    made = ArmedFaults(Random(1), frozenset(), lambda event: str(event)[0])
    made.events.extend(faults)
    return made


def gone_out(faults: ArmedFaults, *events: str) -> list[str]:
    return [each for event in events for each in faults.for_event("user", "venue", event)]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (None, ["b1", "a1", "a2", "b2"]),
        ("a", ["b1", "a2", "a1", "b2"]),  # what has another name does not change places with it
        ("b", ["a1", "a2", "b2", "b1"]),
    ],
)
def test_a_swap_lets_the_next_one_of_the_name_go_first(event: str | None, told: list[str]) -> None:
    faults = armed(EventFault(on="user", kind=EventFaultKind.SWAP, event=event))
    assert gone_out(faults, "a1", "b1", "a2", "b2") == told


def test_two_swaps_of_different_names_do_not_meet() -> None:
    faults = armed(*(EventFault(on="venue:user", kind=EventFaultKind.SWAP, event=event) for event in "ab"))
    assert gone_out(faults, "a1", "b1", "a2", "b2") == ["a2", "a1", "b2", "b1"]


def test_an_event_that_was_held_is_forgotten_when_the_faults_are_cleared() -> None:
    faults = armed(EventFault(on="user", kind=EventFaultKind.SWAP))
    assert gone_out(faults, "a1") == []
    faults.clear()
    assert gone_out(faults, "a2") == ["a2"]
