"""The project's own files, read once."""

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "src/cadenza"
_NOT_OURS = {"data", "generated", "__pycache__", "node_modules"}
_DOCUMENTS = ("*.md", "docs/**/*.md")


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file; `path` is relative to the repository, `rooms` are its folders below src/cadenza."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text, self.path)

    @property
    def rooms(self) -> tuple[str, ...]:
        parts = Path(self.path).parts
        return parts[2:-1] if self.path.startswith(f"{PACKAGE}/") else ()

    def is_in(self, *rooms: str) -> bool:
        """Whether it lies in one of the rooms, such as `adapters/storage`."""
        return any(self.path.startswith(f"{PACKAGE}/{room}/") for room in rooms)

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the dotted name of what is called, such as `asyncio.sleep`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield dotted(node.func), node

    def at(self, node: ast.expr | ast.stmt | ast.excepthandler) -> str:
        """Where a node is, as an editor understands it."""
        return f"{self.path}:{node.lineno}"


def sources(*tops: str) -> tuple[Source, ...]:
    """The Python files below `src`, `tests` and `bench`, or below the given ones; recordings and the like left out."""
    return tuple(source for top in tops or ("src", "tests", "bench") for source in _below(top))


@cache
def _below(top: str) -> tuple[Source, ...]:
    inner = [path.relative_to(ROOT) for path in sorted((ROOT / top).rglob("*.py"))]
    return tuple(
        Source(path.as_posix(), (ROOT / path).read_text()) for path in inner if not _NOT_OURS.intersection(path.parts)
    )


@cache
def _parsed(text: str, path: str) -> ast.Module:
    """A tree is many small objects that all stay, so looking for rubbish among them would take most of the time."""
    gc.disable()
    try:
        return ast.parse(text, path)
    finally:
        gc.enable()


@cache
def documents() -> dict[str, str]:
    """Every document by its path in the repository."""
    paths = sorted(path for pattern in _DOCUMENTS for path in ROOT.glob(pattern))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}


def dotted(node: ast.expr) -> str:
    """The dotted name of an expression, as far as it is one."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""
