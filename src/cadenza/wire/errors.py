"""Causes that only the edges of the house know."""

from cadenza.domain.errors import BadInput, NotFound


class UnknownPath(NotFound):
    """There is no such path."""


class MethodNotAllowed(BadInput):
    """The path does not take this method; the header Allow names those it does."""
