"""The suite's cases: numbered without a gap, and each run somewhere."""

import re

import pytest

from tests.conformance.harness import WEAKER_PROMISES, Capability
from tests.conformance.lacks import LACKS, missing_at
from tests.conformance.matrix import FILES, cases
from tests.conformance.needs import NeedOfAccount
from tests.conformance.venues import VENUES

_CASE = re.compile(r"^(?:async )?def test_tc_([a-z])(\d\d)_", re.MULTILINE)


def test_the_cases_are_numbered_without_a_gap() -> None:
    numbers: dict[str, list[int]] = {}
    for path in FILES:
        for room, number in _CASE.findall(path.read_text()):
            numbers.setdefault(room, []).append(int(number))
    assert set(numbers) == {"c", "e", "k", "m", "n", "t"}
    for room, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), room


def test_no_case_is_skipped_at_every_venue() -> None:
    venues = [make() for make in VENUES.values()]
    for case in cases():
        assert any(not missing_at(venue, case.needed) for venue in venues), case.number


def test_every_need_has_words_for_what_lacks_without_it() -> None:
    needed = {need for case in cases() for need in case.needed}
    words = [need.lack if isinstance(need, NeedOfAccount) else LACKS[need] for need in needed]
    assert not [
        each
        for each in words
        if each.endswith(".") or not each.startswith(("a ", "an ", "no ", "the ", "there ", "asking ", "our "))
    ]
    assert len(set(words)) == len(words)
    assert set(LACKS) <= needed


@pytest.mark.parametrize("capability", list(Capability))
def test_some_venue_has_each_capability_and_few_need_a_weaker_promise(capability: Capability) -> None:
    """The strict form of a case must hold at most venues, those in memory included."""
    having = {name.split()[0] for name, make in VENUES.items() if capability in make().capabilities}
    every = {name.split()[0] for name in VENUES}
    assert having
    assert len(having) * 3 <= len(every) or capability not in WEAKER_PROMISES
