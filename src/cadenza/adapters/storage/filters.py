"""Building WHERE clauses from the filters that are given."""

from typing import Any


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

    def parameter(self, value: Any) -> str:
        """Add a parameter and return its name."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    @property
    def sql(self) -> str:
        return "WHERE " + " AND ".join(self._conditions) if self._conditions else ""
