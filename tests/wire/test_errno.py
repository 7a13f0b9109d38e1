"""The registry of errors is complete, and its numbers are for ever."""

from pathlib import Path

import pytest

from cadenza.adapters.http.error_table import error_table
from cadenza.domain import errors as domain_errors
from cadenza.domain.errors import CadenzaError
from cadenza.wire import errors as wire_errors
from cadenza.wire.errno import REGISTRY, RegisteredError

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def causes() -> set[type[CadenzaError]]:
    """Every class that can be raised: those that no other derives from."""
    found: set[type[CadenzaError]] = set()
    for module in (domain_errors, wire_errors):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, CadenzaError) and not value.__subclasses__():
                found.add(value)
    return found


def test_every_cause_has_a_number_and_every_number_a_cause() -> None:
    assert {registered.cause for registered in REGISTRY} == causes()


def test_numbers_and_codes_are_unique_and_negative() -> None:
    assert len({registered.errno for registered in REGISTRY}) == len(REGISTRY)
    assert len({registered.code for registered in REGISTRY}) == len(REGISTRY)
    assert all(registered.errno < 0 for registered in REGISTRY)


@pytest.mark.parametrize("registered", REGISTRY, ids=lambda registered: registered.code)
def test_every_cause_tells_its_meaning(registered: RegisteredError) -> None:
    assert registered.meaning.endswith(".")


def test_the_page_shows_the_registry() -> None:
    assert PAGE.read_text() == error_table(), "run: python -m cadenza.adapters.http.error_table > docs/errors.md"
