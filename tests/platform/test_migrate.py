"""Migrations: applied once, by one of many nodes that start at once, and statement by statement."""

import asyncio

import pytest

from everpost.platform import migrate
from everpost.platform.db import connect_once, many, run
from tests.support import server


async def test_two_nodes_that_start_on_an_empty_database_do_not_race() -> None:
    url = await server.create("everpost_race")
    applied = await asyncio.gather(*(migrate.apply(url) for _ in range(4)))
    versions = [migration.version for migration in migrate.all_migrations()]
    assert sorted([versions, [], [], []]) == sorted(applied)
    conn = await connect_once(url)
    try:
        assert versions == await many(conn, str, "SELECT version FROM schema_migrations ORDER BY version")
        assert [] == await migrate.missing(conn)
    finally:
        await conn.close()


async def test_an_empty_database_misses_everything() -> None:
    conn = await connect_once(await server.create("everpost_empty"))
    try:
        assert [migration.version for migration in migrate.all_migrations()] == await migrate.missing(conn)
    finally:
        await conn.close()


async def test_a_database_that_a_later_version_changed_is_left_alone() -> None:
    url = await server.create("everpost_later")
    await migrate.apply(url)
    conn = await connect_once(url)
    try:
        await migrate.require(conn)
        await run(conn, "INSERT INTO schema_migrations (version) VALUES ('9999_tomorrow')")
        for attempt in (migrate.apply(url), migrate.require(conn)):
            with pytest.raises(migrate.WrongTables, match=r"A later version of everpost .*: 9999_tomorrow"):
                await attempt
    finally:
        await conn.close()


async def test_who_needs_newer_tables_is_told_to_migrate() -> None:
    conn = await connect_once(await server.create("everpost_earlier"))
    try:
        with pytest.raises(migrate.WrongTables, match=r"lacks 0001_first, .*Run `everpost migrate` first"):
            await migrate.require(conn)
    finally:
        await conn.close()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (";;\n;", []),
        ("-- only a comment;\n", []),
        ("SELECT 1; SELECT 2", ["SELECT 1;", "SELECT 2"]),
        ("SELECT 'a;b', 'it''s;';", ["SELECT 'a;b', 'it''s;';"]),
        ("SELECT 1 -- one; two\n;", ["SELECT 1 -- one; two\n;"]),
        ("DO $$ BEGIN; END; $$; SELECT 1;", ["DO $$ BEGIN; END; $$;", "SELECT 1;"]),
    ],
)
def test_a_file_falls_apart_into_its_statements(sql: str, expected: list[str]) -> None:
    assert expected == list(migrate.statements(sql))
