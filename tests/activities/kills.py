"""Workers that die: at any call of the database or commit, and what the account looks like afterwards.

A stage keeps the rows of a moment, so that the same work can be done again and again from there, disturbed or not.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

from everpost.activities import runner
from everpost.ids import AccountId
from everpost.platform.db import Conn, Db, many, one, run

TABLES = (
    "contacts", "contact_lists", "list_memberships", "contact_tags", "contact_taggings", "custom_fields",
    "activities", "activity_contacts", "activity_lanes",
)  # fmt: skip
_COUNTED = ("fetch", "fetchrow", "execute", "copy_to_table", "copy_from_query", "copy_records_to_table")


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class DyingDb:
    """A database whose user dies at the n-th event: before or after a statement, or right after a commit."""

    def __init__(self, db: Db, *, at: int = 0) -> None:
        self._db, self._at, self.events = db, at, 0

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Conn]:
        async with self._db.transaction() as conn:
            yield cast("Conn", _DyingConn(conn, self))
        self.happen()

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[Conn]:
        async with self._db.reader() as conn:
            yield cast("Conn", _DyingConn(conn, self))

    def happen(self) -> None:
        self.events += 1
        if self.events == self._at:
            raise Killed


class _DyingConn:
    def __init__(self, conn: Conn, owner: DyingDb) -> None:
        self._conn, self._owner = conn, owner

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._conn, name)
        return self._counted(member) if name in _COUNTED else member

    def _counted(self, call: Any) -> Any:
        async def counted(*arguments: Any, **options: Any) -> Any:
            self._owner.happen()
            result = await call(*arguments, **options)
            self._owner.happen()
            return result

        return counted


class Stage:
    """The rows of an account at one moment, to go back to."""

    def __init__(self, db: Db, account_id: AccountId) -> None:
        self.db, self.account_id = db, account_id
        self._columns: dict[str, str] = {}

    async def keep(self) -> None:
        async with self.db.transaction() as conn:
            for table in TABLES:
                self._columns[table] = await self._columns_of(conn, table)
                await conn.execute(f"DROP TABLE IF EXISTS kept_{table}")
                await conn.execute(f"CREATE UNLOGGED TABLE kept_{table} AS SELECT {self._columns[table]} FROM {table}")

    async def go_back(self) -> None:
        async with self.db.transaction() as conn:
            for table, columns in self._columns.items():
                await conn.execute(f"DELETE FROM {table}")
                await conn.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table}")
            await conn.execute("DELETE FROM pgqueuer")

    async def clear(self) -> None:
        async with self.db.transaction() as conn:
            for table in TABLES:
                await conn.execute(f"DROP TABLE IF EXISTS kept_{table}")

    async def digest(self) -> dict[str, list[str]]:
        """Every row as text, but for who worked on it and how often it was begun."""
        async with self.db.reader() as conn:
            return {
                table: await many(conn, str, f"SELECT (to_jsonb(t) - 'stalls')::text FROM {table} t ORDER BY 1")
                for table in TABLES
                if table != "activity_lanes"
            }

    async def work_and_die(self, at: int) -> int:
        """Let a worker work until it dies or is done; returns how many events there were."""
        dying = DyingDb(self.db, at=at)
        with contextlib.suppress(Killed):
            await runner.run_lane(cast("Db", dying), self.account_id)
        return dying.events

    async def recover(self) -> None:
        """What other workers do when the dead one's lease and its heartbeat are over."""
        async with self.db.transaction() as conn:
            await run(conn, "UPDATE activity_lanes SET leased_until = now() - interval '1 second'")
            await run(conn, "UPDATE pgqueuer SET status = 'queued' WHERE status = 'picked'")
        await runner.wake(self.db)

    async def _columns_of(self, conn: Conn, table: str) -> str:
        columns = await one(
            conn,
            str,
            """SELECT string_agg(column_name, ', ') FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name = :table_name AND is_generated = 'NEVER'""",
            table_name=table,
        )
        assert columns is not None
        return columns
