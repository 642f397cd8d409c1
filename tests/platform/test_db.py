"""How rows become records, by position or by name; and how connections go from block to block."""

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import msgspec
import pytest

from everpost.ids import ContactId
from everpost.platform import config
from everpost.platform.db import Db, Taken, connect, many, one, run, savepoint


class Part(msgspec.Struct):
    name: str


class InOrder(msgspec.Struct):
    contact_id: ContactId
    kind: Literal["a", "b"]
    made_on: date | None
    parts: list[Part]
    raw: msgspec.Raw
    number: Annotated[int, msgspec.Meta(ge=0)] | None = None
    label: str = "none"


class ByName(msgspec.Struct, kw_only=True):
    number: int | None = None
    contact_id: UUID
    parts: list[Part] | None = None


async def test_a_row_in_the_fields_order_leaves_the_last_ones_at_their_defaults(db: Db) -> None:
    contact_id = uuid4()
    async with db.reader() as conn:
        found = await one(
            conn,
            InOrder,
            """SELECT :contact_id::uuid AS contact_id, 'a' AS kind, NULL::date AS made_on,
                      '[{"name": "x"}]'::jsonb AS parts, '{"k": 1}'::jsonb AS raw""",
            contact_id=contact_id,
        )

    assert found is not None
    assert (contact_id, "a", None, [Part("x")], b'{"k": 1}', None, "none") == (
        found.contact_id,
        found.kind,
        found.made_on,
        found.parts,
        bytes(found.raw),
        found.number,
        found.label,
    )


async def test_columns_in_any_other_order_are_taken_by_name(db: Db) -> None:
    contact_id = uuid4()
    async with db.reader() as conn:
        found = await many(
            conn,
            ByName,
            """SELECT '[{"name": "x"}]'::jsonb AS parts, :contact_id::uuid AS contact_id, number::int
                 FROM generate_series(1, 2) number""",
            contact_id=contact_id,
        )
        turned = await one(
            conn,
            InOrder,
            """SELECT 'b' AS kind, :contact_id::uuid AS contact_id, '[]'::jsonb AS parts, '1'::jsonb AS raw,
                      '2026-01-02'::date AS made_on, 7 AS number""",
            contact_id=contact_id,
        )

    assert [ByName(number=number, contact_id=contact_id, parts=[Part("x")]) for number in (1, 2)] == found
    assert turned is not None
    assert ("b", date(2026, 1, 2), 7) == (turned.kind, turned.made_on, turned.number)


async def test_no_row_is_none_and_a_scalar_is_the_first_column(db: Db) -> None:
    async with db.reader() as conn:
        assert await one(conn, ByName, "SELECT NULL::uuid AS contact_id WHERE FALSE") is None
        assert [] == await many(conn, ByName, "SELECT NULL::uuid AS contact_id WHERE FALSE")
        assert [1, 2] == await many(conn, int, "SELECT n, 'more' FROM generate_series(1, 2) n")
        moment: Any = await one(conn, datetime, "SELECT '2026-03-04T15:20:31+01'::timestamptz")

    assert datetime(2026, 3, 4, 14, 20, 31, tzinfo=UTC) == moment


async def test_a_savepoint_fails_alone(db: Db) -> None:
    async with db.transaction() as conn:
        await run(conn, "CREATE TEMPORARY TABLE taken (name text UNIQUE) ON COMMIT DROP")
        await run(conn, "INSERT INTO taken VALUES (:name)", name="a")
        with pytest.raises(Taken):
            async with savepoint(conn):
                await run(conn, "INSERT INTO taken VALUES (:name)", name="a")
        assert 1 == await run(conn, "INSERT INTO taken VALUES (:name)", name="b")


async def test_a_block_that_ends_well_leaves_its_connection_to_the_next(db: Db) -> None:
    async with db.reader() as first:
        pass
    async with db.transaction() as second:
        assert first is second
        async with db.reader() as third:
            assert third is not second
    with pytest.raises(ZeroDivisionError):
        async with db.reader() as last:
            raise ZeroDivisionError
    assert last not in [conn for conn, _ in db.ready], "its state is looked at by the pool"


async def test_whoever_waits_gets_the_next_free_connection(settings: config.Settings, db: Db) -> None:
    assert settings.database_url is not None
    small = await connect(settings.database_url, size=1, wait_seconds=5)

    async def ask(number: int) -> int | None:
        async with small.transaction() as conn:
            return await one(conn, int, "SELECT :number::int", number=number)

    assert list(range(20)) == await asyncio.gather(*(ask(number) for number in range(20)))
    await small.close()
