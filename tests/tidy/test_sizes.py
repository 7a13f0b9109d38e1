"""Nothing grows fat: what does not fit on a screen or two is two things."""

import ast

from tests.tidy.source import sources

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500


def test_functions_are_short() -> None:
    long = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{source.at(node)} {node.name}: {lines} lines")
    assert not long, f"over {FUNCTION_LINES_MAX} lines: {long}"


def test_files_are_short() -> None:
    lines = {source.path: len(source.text.splitlines()) for source in sources()}
    long = {path: count for path, count in lines.items() if count > FILE_LINES_MAX}
    assert not long, f"over {FILE_LINES_MAX} lines: {long}"
