"""Files and functions stay small enough to read; what may be longer says why."""

import ast

from tests.architecture import sources

_LONGEST_FILE = 400
_LONGEST_FUNCTION = 60


def test_files_stay_under_400_lines() -> None:
    lengths = {sources.name(path): len(path.read_text("utf-8").splitlines()) for path in sources.python_files()}
    assert {} == {name: length for name, length in lengths.items() if length > _LONGEST_FILE}


def test_functions_stay_under_60_lines() -> None:
    long = [
        f"{sources.name(path)}:{node.lineno} {node.name}"
        for path in sources.python_files()
        for node in ast.walk(sources.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= _LONGEST_FUNCTION
    ]
    assert [] == long


def test_nothing_is_imported_inside_functions() -> None:
    inside = [
        f"{sources.name(path)}:{node.lineno}"
        for path in sources.python_files()
        for function in ast.walk(sources.tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert [] == inside


def test_every_module_says_what_it_is() -> None:
    silent = [sources.name(path) for path in sources.python_files() if not ast.get_docstring(sources.tree(path))]
    assert [] == silent
