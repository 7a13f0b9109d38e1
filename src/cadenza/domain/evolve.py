"""Values that change by being made anew."""

from typing import Any, TypeVar

T = TypeVar("T")


def evolve(value: T, **changes: Any) -> T:
    """Return a copy of a frozen dataclass with some fields changed.

    What `dataclasses.replace` does, in a tenth of its time for a value of forty fields: it copies the fields as they
    are instead of running `__init__`, so it is for dataclasses without slots and without `__post_init__`. Raises
    `TypeError` for a field that is not there.
    """
    fields = value.__dict__
    if not changes.keys() <= fields.keys():
        raise TypeError(f"{type(value).__name__} has no {', '.join(sorted(changes.keys() - fields.keys()))}")
    changed = object.__new__(type(value))
    changed.__dict__.update(fields)
    changed.__dict__.update(changes)
    return changed
