"""The suite's numbers: each once, without a gap."""

import re
from pathlib import Path

_CASE = re.compile(r"^(?:async )?def test_tc_([a-z])(\d\d)_", re.MULTILINE)


def test_the_cases_are_numbered_without_a_gap() -> None:
    numbers: dict[str, list[int]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for room, number in _CASE.findall(path.read_text()):
            numbers.setdefault(room, []).append(int(number))
    assert set(numbers) == {"c", "e", "k", "m", "n", "t"}
    for room, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), room
