"""Forward-only migrations: numbered SQL files, each applied once, one statement at a time.

All files that are missing are applied in one transaction that holds a lock on the ledger, so two nodes that start at
once do not race and a failure leaves the schema as it was. A database that a later version has changed is refused:
there is no way back but a backup.
"""

import contextlib
import re
from collections.abc import Container, Iterator
from importlib.resources import files
from typing import Final

import msgspec

from everpost.platform import db, logs
from everpost.platform.db import Conn
from everpost.platform.postgres import PostgresError

# Tables are made from below to above, so that a slice's file may refer to those under it.
SLICES: Final = (
    "platform", "accounts", "oauth", "tracking", "contacts", "activities", "delivery", "campaigns", "reports",
    "landing", "partners", "agents", "portal",
)  # fmt: skip

_LEDGER: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version    text NOT NULL PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT now()
    )"""

log = logs.get(__name__)


class WrongTables(PostgresError):
    """The database's tables are not those that this program works with; the message says what to do."""


class Migration(msgspec.Struct, frozen=True):
    """One file: `0001_first` and its text."""

    version: str
    sql: str


async def apply(database_url: str) -> list[str]:
    """Bring a database up to date; returns the versions that were applied now. Raises: WrongTables."""
    conn = await db.connect_once(database_url)
    try:
        await _make_ledger(conn)
        async with db.savepoint(conn):
            await db.run(conn, "LOCK TABLE schema_migrations IN EXCLUSIVE MODE")
            await _require_known(conn)
            return await apply_in(conn)
    finally:
        await conn.close()


async def apply_in(conn: Conn, versions: Container[str] | None = None) -> list[str]:
    """In the caller's transaction: apply what is missing, all of it or of these `versions`; returns which."""
    lacking = await missing(conn)
    wanted = [
        each for each in all_migrations() if each.version in lacking and (versions is None or each.version in versions)
    ]
    for migration in wanted:
        await _apply(conn, migration)
    return [migration.version for migration in wanted]


async def create(conn: Conn) -> None:
    """Make a new database's tables at once, as if by all the migrations. For tests and benchmarks."""
    await _make_ledger(conn)
    await execute(conn, schema_text())
    for migration in all_migrations():
        await _note(conn, migration)


async def require(conn: Conn) -> None:
    """Raises: WrongTables, unless the database is exactly as up to date as this program."""
    await _require_known(conn)
    lacking = await missing(conn)
    if lacking:
        raise WrongTables(f"The database lacks {', '.join(lacking)}. Run `everpost migrate` first.")


async def missing(conn: Conn) -> list[str]:
    """Versions that this program brings and the database has not seen."""
    applied = await _applied(conn)
    return [migration.version for migration in all_migrations() if migration.version not in applied]


async def unknown(conn: Conn) -> list[str]:
    """Versions that a later program has applied to the database, and this one does not bring."""
    return sorted(await _applied(conn) - {migration.version for migration in all_migrations()})


def all_migrations() -> list[Migration]:
    """The files of `everpost/migrations`, in their order."""
    folder = files("everpost.migrations")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in found]


def schema_text() -> str:
    """Where we are: every slice's tables.sql, from below to above. Tests compare it with what the migrations make."""
    root = files("everpost")
    parts = [root / name / "tables.sql" for name in SLICES]
    return "\n".join(part.read_text("utf-8") for part in parts if part.is_file())


def statements(sql: str) -> Iterator[str]:
    """The single statements of a file; a semicolon inside a string, a comment or a $$ body does not end one."""
    start = position = 0
    for match in _BOUNDARY.finditer(sql):
        if match[0] != ";":
            continue
        position = match.end()
        text = sql[start:position].strip()
        if text.strip(";").strip():
            yield text
        start = position
    if _without_comments(sql[start:]).strip():
        yield sql[start:].strip()


async def execute(conn: Conn, sql: str) -> None:
    """Run a file's statements. The text comes from our own files, never from outside."""
    for statement in statements(sql):
        await conn.execute(statement)


async def _make_ledger(conn: Conn) -> None:
    """IF NOT EXISTS looks and then creates: of two nodes on an empty database one may find the name taken."""
    with contextlib.suppress(db.Taken, *db.TableTaken):
        await db.run(conn, _LEDGER)


async def _apply(conn: Conn, migration: Migration) -> None:
    log.info("applying migration", version=migration.version)
    await execute(conn, migration.sql)
    await _note(conn, migration)


async def _note(conn: Conn, migration: Migration) -> None:
    await db.run(conn, "INSERT INTO schema_migrations (version) VALUES (:version)", version=migration.version)


async def _require_known(conn: Conn) -> None:
    later = await unknown(conn)
    if later:
        raise WrongTables(
            f"A later version of everpost has changed this database: {', '.join(later)}. "
            "Start that version, or restore a backup from before."
        )


async def _applied(conn: Conn) -> set[str]:
    if await db.one(conn, str, "SELECT to_regclass('schema_migrations')::text") is None:
        return set()
    return set(await db.many(conn, str, "SELECT version FROM schema_migrations"))


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)


_BOUNDARY = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\$\$.*?\$\$|;", re.DOTALL)
