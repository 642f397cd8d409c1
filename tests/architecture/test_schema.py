"""The schema: what the migrations make is what tables.sql says, and all of it can be sharded by account."""

from pathlib import Path
from typing import Any

from everpost.platform import db, migrate
from tests.support import server

_LINT = (Path(__file__).parent / "sharding.sql").read_text("utf-8")
_COLUMNS = """
    SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
           || coalesce(column_default, '') || ' ' || coalesce(generation_expression, '') AS line
      FROM information_schema.columns WHERE table_schema = 'public'"""
_INDEXES = "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public'"
_CONSTRAINTS = """
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) AS line FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace"""
_COMMENTS = """
    SELECT oid::regclass || ' ' || coalesce(obj_description(oid, 'pg_class'), '') AS line FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"""


async def _lines(url: str) -> set[str]:
    conn = await db.connect_once(url)
    try:
        return {line for sql in (_COLUMNS, _INDEXES, _CONSTRAINTS, _COMMENTS) for line in await db.many(conn, str, sql)}
    finally:
        await conn.close()


async def test_the_migrations_make_what_the_tables_say(anyio_backend: Any) -> None:
    from_tables = await server.clone("schema_from_tables")
    conn = await db.connect_once(server.dsn("postgres"))
    await conn.execute("DROP DATABASE IF EXISTS schema_from_migrations")
    await conn.execute("CREATE DATABASE schema_from_migrations")
    await conn.close()
    from_migrations = server.dsn("schema_from_migrations")
    await migrate.apply(from_migrations)
    assert await _lines(from_tables) == await _lines(from_migrations)
    assert [] == await migrate.apply(from_migrations), "a second run finds nothing to do"


async def test_every_table_can_be_sharded_by_account(anyio_backend: Any) -> None:
    conn = await db.connect_once(await server.clone("schema_sharding"))
    try:
        await migrate.execute(conn, _LINT)
        rows = await conn.fetch("SELECT tbl, rule, obj FROM citus_ready_violations")
        assert [] == [tuple(row) for row in rows]
    finally:
        await conn.close()


async def test_the_sharding_check_sees_a_table_that_breaks_the_rules(anyio_backend: Any) -> None:
    conn = await db.connect_once(await server.clone("schema_sharding_broken"))
    try:
        await migrate.execute(conn, _LINT)
        await conn.execute("CREATE TABLE careless (id int PRIMARY KEY)")
        rows = await conn.fetch("SELECT rule FROM citus_ready_violations WHERE tbl = 'careless'")
        assert {"T1", "T3"} == {row["rule"][:2] for row in rows}
    finally:
        await conn.close()
