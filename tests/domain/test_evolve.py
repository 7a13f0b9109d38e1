"""Values made anew."""

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from cadenza.domain.evolve import evolve


@dataclass(frozen=True, kw_only=True)
class Value:
    one: int
    two: str = "two"


def test_it_is_what_replace_makes() -> None:
    value = Value(one=1)
    changed = evolve(value, two="other")
    assert changed == replace(value, two="other")
    assert hash(changed) == hash(replace(value, two="other"))
    assert value == Value(one=1)


def test_the_copy_is_frozen_too() -> None:
    with pytest.raises(FrozenInstanceError):
        evolve(Value(one=1), one=2).one = 3  # type: ignore[misc]


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="Value has no three"):
        evolve(Value(one=1), three=3)
