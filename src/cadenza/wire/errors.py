"""Causes that only the edges of the platform raise."""

from cadenza.domain.errors import BadInput, NotFound


class UnknownPath(NotFound):
    """The path does not exist."""


class MethodNotAllowed(BadInput):
    """The path does not take this method. The header `Allow` lists the methods that it takes."""
