"""Imports cannot see SQL, so this does: each table has one owner, only the owner writes it, readers say so."""

import re
from functools import cache

import pytest

from tests.architecture import sources

_CREATE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)")
_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY)\b")
_SKIPPED = {"ids", "migrations", "__init__", "__main__"}


@cache
def owners() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(sources.PACKAGE.glob("*/tables.sql")):
        for table in _CREATE.findall(path.read_text("utf-8")):
            assert table not in found, f"{table} is created by {found[table]} and by {path.parent.name}"
            found[table] = path.parent.name
    return found


def _statements() -> list[tuple[str, str, str]]:
    return [
        (sources.slice_of(path), sources.name(path), text)
        for path in sources.python_files()
        if sources.slice_of(path) not in _SKIPPED
        for text in sources.strings(path)
        if _SQL.search(text)
    ]


def _declared(slice_name: str, word: str) -> set[str]:
    path = sources.PACKAGE / slice_name / "__init__.py"
    text = path.read_text("utf-8") if path.exists() else (sources.PACKAGE / f"{slice_name}.py").read_text("utf-8")
    match = re.search(rf"^{word}:(.*?)(?:\n\n|\n[A-Z]\w+:|\"\"\")", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"\w+", match[1])) if match else set()


def test_only_the_owner_writes_a_table() -> None:
    wrong = [
        f"{place} writes {table}, which {owner} owns"
        for slice_name, place, text in _statements()
        for table, owner in owners().items()
        if owner != slice_name and re.search(rf"\b(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY) {table}\b", text)
    ]
    assert [] == wrong


def test_a_slice_that_reads_anothers_table_declares_it() -> None:
    wrong = {
        f"{place} reads {table} of {owner} without naming it under Reads: in {slice_name}/__init__.py"
        for slice_name, place, text in _statements()
        for table, owner in owners().items()
        if owner != slice_name
        and re.search(rf"\b(FROM|JOIN|USING)\s+{table}\b", text)
        and table not in _declared(slice_name, "Reads")
    }
    assert set() == wrong


@pytest.mark.parametrize("slice_name", sorted({*owners().values()}))
def test_a_slice_names_the_tables_it_owns(slice_name: str) -> None:
    owned = {table for table, owner in owners().items() if owner == slice_name}
    assert set() == owned - _declared(slice_name, "Owns")
