"""Documents say what is there: names, links, and the shape of decisions.

docs/errors.md is held against the registry by tests/wire, docs/operations/configuration.md against the settings by
tests/cli, and the snippets of README.md run in tests/docs.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.tidy.source import ROOT, documents, sources

FAILPOINTS = "docs/concepts/failpoints.md"
FAILPOINT_PREFIXES = {"self._prefix": ("paper", "mock")}
"""What a name that is put together at run time may begin with."""

DECISIONS = {path: text for path, text in documents().items() if re.match(r"docs/decisions/\d{4}-", path)}
DECISION_LINES_MAX = 40
DECISION_COLUMNS_MAX = 120
HEADINGS = ("## Context", "## Decision", "## Consequences")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_METHOD = re.compile(r"`([A-Z]\w+)\.(_?[a-z]\w*)(?:\(\))?`")
_CODE_PATH = re.compile(r"`([\w./-]+/[\w.-]+\.py|[a-z_0-9]+\.py)`")


def reached() -> set[str]:
    """Every name that the source passes to `failpoints.reach`."""
    names: set[str] = set()
    for source in sources("src"):
        for name, call in source.calls():
            if not name.endswith("failpoints.reach"):
                continue
            argument = call.args[0]
            if isinstance(argument, ast.Constant):
                names.add(str(argument.value))
            else:
                names.update(_put_together(argument, source.at(call)))
    return names


def _put_together(argument: ast.expr, where: str) -> set[str]:
    assert isinstance(argument, ast.JoinedStr), f"{where}: name the failpoint in the call"
    first, rest = argument.values
    assert isinstance(first, ast.FormattedValue)
    assert isinstance(rest, ast.Constant)
    return {f"{prefix}{rest.value}" for prefix in FAILPOINT_PREFIXES[ast.unparse(first.value)]}


def test_the_page_of_failpoints_lists_all_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", documents()[FAILPOINTS], re.MULTILINE))
    assert listed == reached()


@pytest.mark.parametrize("path", DECISIONS)
def test_a_decision_is_short_and_says_what_keeps_it(path: str) -> None:
    lines = DECISIONS[path].rstrip().splitlines()
    assert len(lines) <= DECISION_LINES_MAX
    assert max(map(len, lines)) <= DECISION_COLUMNS_MAX
    assert re.match(r"# \d{4} \w", lines[0])
    assert lines[0][2:6] == Path(path).name[:4]
    assert [line for line in lines if line.startswith("## ")] == list(HEADINGS)
    last_paragraph = "\n".join(lines).split("\n\n")[-1]
    assert last_paragraph.startswith("Kept by: ")


@pytest.mark.parametrize("path", DECISIONS)
def test_what_keeps_a_decision_exists(path: str) -> None:
    kept_by = DECISIONS[path].split("Kept by: ")[-1]
    for name in re.findall(r"`(tests/[\w./]+|src/[\w./]+|\.ci/run|pyproject\.toml|Makefile)`", kept_by):
        assert (ROOT / name).exists(), f"{name} is not there"


def test_decisions_are_numbered_without_gap_and_all_are_in_the_index() -> None:
    numbers = [int(Path(path).name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
    linked = set(_LINK.findall(documents()["docs/decisions/README.md"]))
    assert {Path(path).name for path in DECISIONS} <= linked


@pytest.mark.parametrize("path", documents())
def test_links_lead_somewhere(path: str) -> None:
    for target in _LINK.findall(documents()[path]):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            assert (ROOT / path).parent.joinpath(target.partition("#")[0]).exists(), f"{path}: {target}"


@pytest.mark.parametrize("path", documents())
def test_files_of_the_source_that_are_named_exist(path: str) -> None:
    """`orders/submit.py` means a file whose path ends so."""
    known = [f"/{source.path}" for source in sources()]
    named = _CODE_PATH.findall(documents()[path])
    unknown = {name for name in named if not any(full.endswith(f"/{name}") for full in known)}
    assert not unknown, f"{path} names files that are not there: {sorted(unknown)}"


def test_methods_that_documents_name_are_there() -> None:
    """Of classes that are ours; what a class inherits is not looked for."""
    members: dict[str, set[str]] = {}
    for source in sources("src"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                names = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)}
                names |= {ast.unparse(inner.target) for inner in node.body if isinstance(inner, ast.AnnAssign)}
                members.setdefault(node.name, set()).update(names)
    missing = [
        f"{path}: {owner}.{name}"
        for path, text in documents().items()
        for owner, name in _METHOD.findall(text)
        if owner in members and name not in members[owner]
    ]
    assert not missing
