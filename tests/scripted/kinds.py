"""Which kinds of venues a case runs with."""

from collections.abc import Callable

import pytest

from tests.scripted.specs import KINDS, Kind

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def kinds(applies: Callable[[Kind], bool]) -> pytest.MarkDecorator:
    """Run the case with every kind to which it applies."""
    chosen = [kind for kind in KINDS.values() if applies(kind)]
    return pytest.mark.parametrize("kind", chosen, ids=[kind.name for kind in chosen])


def only(*chosen: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", chosen, ids=[kind.name for kind in chosen])
