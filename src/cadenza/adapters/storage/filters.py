"""Building WHERE clauses from the filters that are given."""

from collections.abc import Collection
from typing import Any
from uuid import UUID


class Where:
    """Collects conditions with their parameters; `sql` joins them."""

    def __init__(self) -> None:
        self.parameters: list[Any] = []
        self._conditions: list[str] = []

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition with one `{}` per value; a None value leaves the condition out."""
        if any(value is None for value in values):
            return
        names = [self.parameter(value) for value in values]
        self._conditions.append(condition.format(*names))

    def among(self, column: str, ids: Collection[UUID] | None) -> None:
        """Add the condition that the column is one of the ids; None leaves it out. For a single id it is an equation,
        for which the database walks an index in order."""
        if ids is not None and len(ids) == 1:
            self.add(f"{column} = {{}}", next(iter(ids)))
        elif ids is not None:
            self.add(f"{column} = ANY({{}}::uuid[])", list(ids))

    def parameter(self, value: Any) -> str:
        """Add a parameter and return its name."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    @property
    def sql(self) -> str:
        return "WHERE " + " AND ".join(self._conditions) if self._conditions else ""
