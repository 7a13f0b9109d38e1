"""Words that must not appear where they do harm, and that import-linter and ruff do not see."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.source import Source, dotted, sources

MONEY_ROOMS = ("domain", "application", "wire", "adapters/storage", "adapters/venues")
CLOCK_AND_IDS = "src/cadenza/runtime/local.py"
"""The one file that may ask the operating system for time and randomness by these names."""

TIME_AND_IDS = frozenset({"now", "utcnow", "today", "time", "time_ns", "uuid1", "uuid4"})
TIME_AND_ID_OWNERS = frozenset({"datetime", "date", "time", "uuid"})
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
BROAD = frozenset({"Exception", "BaseException"})
REASON = re.compile(r":\s*#\s*(?:noqa: BLE001 - )?(?!noqa|pragma|type:)\w+ \w+")
"""The comment at the end of an `except` line, with words in it and not only marks for tools."""

POLL_S_MAX = 0.05


def test_money_meets_no_binary_float() -> None:
    found = [
        source.at(call)
        for source in sources("src")
        if source.is_in(*MONEY_ROOMS)
        for name, call in source.calls()
        if name == "float"
    ]
    assert not found, f"a binary float near money: {found}"


def test_time_and_ids_come_through_ports() -> None:
    found = [
        f"{source.at(node)} {name}"
        for source in sources("src")
        if source.path != CLOCK_AND_IDS
        for node, name in _named(source)
    ]
    assert not found, f"use ports.clock and ports.ids: {found}"


def _named(source: Source) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Uses and imports of the functions that tell time or make ids."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in TIME_AND_IDS:
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner in TIME_AND_ID_OWNERS:
                yield node, f"{owner}.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module in TIME_AND_ID_OWNERS:
            for alias in node.names:
                if alias.name in TIME_AND_IDS:
                    yield node, f"{node.module}.{alias.name}"


def test_only_the_command_line_prints() -> None:
    found = [
        source.at(call)
        for source in sources("src")
        if not source.is_in("cli")
        for name, call in source.calls()
        if name == "print"
    ]
    assert not found, f"log it, or return it: {found}"


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{source.path}:{number}"
        for source in sources()
        for number, line in enumerate(source.text.splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert not found, f"do it, or write an issue: {found}"


def test_a_broad_except_says_why_on_its_line() -> None:
    """Ruff's BLE001 lets a handler pass that logs or raises again. Every one of them gives its reason."""
    found = [
        source.at(handler)
        for source in sources("src")
        for handler in ast.walk(source.tree)
        if isinstance(handler, ast.ExceptHandler)
        and _is_broad(handler.type)
        and not REASON.search(source.text.splitlines()[handler.lineno - 1])
    ]
    assert not found, f"a broad except without a reason on its line: {found}"


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one) for one in caught.elts)
    return caught is None or dotted(caught).rpartition(".")[2] in BROAD


def test_the_rule_on_broad_handlers_sees_every_form() -> None:
    forms = ["except:", "except Exception:", "except (ValueError, builtins.BaseException) as error:"]
    for form in forms:
        handler = ast.parse(f"try: pass\n{form} pass").body[0].handlers[0]  # type: ignore[attr-defined]
        assert _is_broad(handler.type), form
    assert not REASON.search("except Exception:  # noqa: BLE001")
    assert not REASON.search("except Exception:  # pragma: no cover")
    assert REASON.search("except Exception:  # noqa: BLE001 - the edge of a loop")
    assert REASON.search("except Exception:  # the socket must be closed")


VENUE_FOLDER = re.compile(r"src/cadenza/(?:adapters/venues|simulators)/(?!kit/|inhouse/)(\w+)/")


def test_class_names_in_the_product_are_unique() -> None:
    """Each venue may have one class of a name: what its folder shares with the others is the role, as in the names of
    its files. A connector and a simulator share none."""
    places: dict[str, list[tuple[str, str]]] = {}
    for source in sources("src"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                folder = VENUE_FOLDER.match(source.path)
                places.setdefault(node.name, []).append((source.at(node), folder.group(0) if folder else ""))
    twice = {name: found for name, found in places.items() if len(found) > 1 and not _is_of_venues(found)}
    assert not twice, f"one class name, one meaning: {twice}"


def _is_of_venues(places: list[tuple[str, str]]) -> bool:
    """Whether each of the places is in another venue's folder of one family."""
    folders = [folder for _, folder in places]
    families = {folder.rstrip("/").rpartition("/")[0] for folder in folders}
    return "" not in folders and len(set(folders)) == len(folders) and len(families) == 1


@pytest.mark.parametrize("source", sources("tests"), ids=lambda source: source.path)
def test_tests_do_not_wait_for_time_to_pass(source: Source) -> None:
    """`sleep(0)` lets others run. Allowed too is a short pause between two looks at a condition, in a while loop, and
    in a clock of the test's own (`sleep_ms`), for which no time passes by it."""
    looks = {id(inner) for node in ast.walk(source.tree) if _may_pause(node) for inner in ast.walk(node)}
    found = []
    for name, call in source.calls():
        if name.rpartition(".")[2] != "sleep":
            continue
        pause = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        is_yield = pause == 0
        is_poll = id(call) in looks and isinstance(pause, int | float) and pause <= POLL_S_MAX
        if not is_yield and not is_poll:
            found.append(source.at(call))
    assert not found, f"wait for a condition, not for time: {found}"


def _may_pause(node: ast.AST) -> bool:
    return isinstance(node, ast.While) or (isinstance(node, ast.AsyncFunctionDef) and node.name == "sleep_ms")
