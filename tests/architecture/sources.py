"""The product's source files as the architecture tests read them."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "everpost"


@cache
def python_files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def slice_of(path: Path) -> str:
    """The top-level folder or module a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def strings(path: Path) -> list[str]:
    """Every string constant that is not a docstring: the SQL is among them."""
    module = tree(path)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    ]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))
