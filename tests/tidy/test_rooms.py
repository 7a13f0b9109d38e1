"""What belongs where."""

import ast
import re

import pytest

from tests.tidy.source import PACKAGE, ROOT, Source, sources

VENUES = ROOT / PACKAGE / "adapters/venues"
KIT = "inhouse"
"""The kit that the venues that run in this process share. It is not a venue: docs/decisions/0015-inhouse-kit.md."""

NETWORKED_KIT = "kit"
"""The kit that networked venues share."""

ROOMS = ("__init__", "spec", "credential", "models", "mapping", "parse", "market_data", "execution", "connector")
CLIENTS = ("rest", "stream", "fix")
"""Raw clients; a venue has those of the protocols it speaks, one at least."""

MISSING_FOR_A_REASON = {
    "credential": "nothing is signed: any key is accepted (inhouse/accounts.py)",
    "mapping": "the tables of the kit may be enough (inhouse/mapping.py)",
    "models": "there are no payloads: sessions call the venue in the process",
    "parse": "facts are records of the exchange, which inhouse/mapping.py turns into reports",
    "client": "there is no wire: sessions call the runner in the process (inhouse/runner.py)",
}
"""Rooms that a venue of the in-house kit does not have."""

BEING_BUILT: dict[str, set[str]] = {}
"""Venues that are not registered yet, with the rooms that they do not have yet; their package says so as well."""

SQL = re.compile(
    r"\s*(SELECT\s|INSERT INTO\s|UPDATE \w+(\s\w)?\s+SET\s|DELETE FROM\s|WITH \w+ AS\b|TRUNCATE\s|LISTEN\s|NOTIFY\s|"
    r"(CREATE|ALTER|DROP) (UNIQUE )?(TABLE|INDEX|ROLE|USER|DATABASE|SCHEMA|TYPE|FUNCTION|EXTENSION)\s)"
)
SQL_ELSEWHERE = {
    "src/cadenza/runtime/embedded/cluster.py": "makes the role and the database in which storage works",
}


def venue_folders() -> list[str]:
    others = (KIT, NETWORKED_KIT, "__pycache__")
    return sorted(path.name for path in VENUES.iterdir() if path.is_dir() and path.name not in others)


def in_house() -> set[str]:
    """Venues whose connector is built on the kit."""
    return {
        source.rooms[2]
        for source in sources("src")
        if source.is_in("adapters/venues") and len(source.rooms) > 2 and f".{KIT}.connector" in source.text
    }


@pytest.mark.parametrize("venue", venue_folders())
def test_a_venue_has_all_its_rooms(venue: str) -> None:
    names = {path.stem for path in (VENUES / venue).glob("*.py")}
    missing = {room for room in ROOMS if room not in names}
    if not names.intersection(CLIENTS):
        missing.add("client")
    if venue in in_house():
        missing -= set(MISSING_FOR_A_REASON)
    assert missing == BEING_BUILT.get(venue, set()), f"adapters/venues/{venue} lacks {sorted(missing)}"


def test_a_venue_that_is_being_built_is_not_wired() -> None:
    wired = {
        f"{source.path}: {venue}"
        for source in sources("src")
        for venue in BEING_BUILT
        if f"adapters.venues.{venue}" in source.text and not source.is_in(f"adapters/venues/{venue}")
    }
    assert not wired


def test_the_kit_is_only_for_venues_that_run_here() -> None:
    assert in_house() == {"mock", "paper"}


def test_sql_lives_in_storage() -> None:
    found = [
        source.at(text)
        for source in sources("src")
        if not source.is_in("adapters/storage") and source.path not in SQL_ELSEWHERE
        for text in _texts(source)
        if isinstance(text.value, str) and SQL.match(text.value)
    ]
    assert not found, f"SQL outside adapters/storage: {found}"


def test_exceptions_to_the_rule_about_sql_are_needed() -> None:
    used = {
        source.path
        for source in sources("src")
        if source.path in SQL_ELSEWHERE and any(SQL.match(str(text.value)) for text in _texts(source))
    }
    assert used == set(SQL_ELSEWHERE)


def test_what_the_committer_owns_is_changed_in_one_place() -> None:
    owned = re.compile(r"\bUPDATE (orders|executions|balances|positions|trading_accounts)\b")
    writers = {
        source.path
        for source in sources("src")
        if not source.is_in("adapters/storage/migrations")
        and any(owned.search(str(text.value)) for text in _texts(source))
    }
    of_all_accounts = "src/cadenza/adapters/storage/brake.py"  # a tenant's trading mode: one statement (ADR 0041)
    assert writers == {"src/cadenza/adapters/storage/saving.py", of_all_accounts}


def _texts(source: Source) -> list[ast.Constant]:
    """String constants, the pieces of f-strings included, docstrings left out."""
    statements = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Constant) and id(node) not in statements]
