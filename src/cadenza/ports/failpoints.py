"""Places where a test may end the process or make an I/O boundary fail."""

from typing import Protocol


class Failpoints(Protocol):
    """Law: in production `reach` does nothing. The names are listed in docs/concepts/failpoints.md."""

    def reach(self, name: str) -> None:
        """Mark that the boundary `name` is reached. A test may kill the process at this call."""
