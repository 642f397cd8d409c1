"""A whole instance in one file: a ZIP archive with a CSV text per table, the files that wait, and the instance key.

Rules:
- All tables are read at one moment while everybody else goes on working.
- The file says nothing of PostgreSQL: it comes back on any server and with any later version of everpost, because its
  tables are made by the migrations that it names and then brought up to date by those that came since.
- A backup is there whole or not at all, and so is what is restored: one transaction.
"""

import asyncio
import contextlib
import graphlib
import io
import os
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, LiteralString, cast

import msgspec

from everpost.platform import clock, crypto, db, migrate, storage
from everpost.platform.db import Conn

_FORMAT: Final = 1
_PURPOSE: Final = "backup"
_MANIFEST: Final = "manifest.json"
_KEY: Final = "instance.key"
_FILES: Final = "files/"
# The migrations write it.
_LEDGER: Final = "schema_migrations"
_PIECE_BYTES: Final = 1024 * 1024


class BadBackup(Exception):
    """It cannot be written, read or restored here; the message says why."""


class Table(msgspec.Struct, frozen=True):
    """What the archive holds of one table, in the order of its columns."""

    name: str
    columns: list[str]
    rows: int = 0


class Manifest(msgspec.Struct, frozen=True):
    """What an archive holds."""

    format: int
    taken_at: datetime
    migrations: list[str]
    key_check: str
    tables: list[Table]
    sequences: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


class _Foreign(msgspec.Struct, frozen=True):
    referring: str
    referred: str


class _Sequence(msgspec.Struct, frozen=True):
    name: str
    last: int


async def write(database_url: str, target: Path) -> Manifest:
    """Write everything into a new file, which only its owner may read: it holds the instance key."""
    conn = await db.connect_once(database_url)
    try:
        with _published(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            return await _write(conn, archive)
    finally:
        await conn.close()


@contextmanager
def opened(source: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """An archive to restore. Raises: BadBackup."""
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise BadBackup(f"{source} is not a whole backup: {error}") from error
    with archive:
        yield archive, _manifest(source, archive)


def restore_key(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Put the instance key where it was. Raises: BadBackup, when this instance has another one."""
    if _KEY in archive.namelist():
        crypto.adopt(archive.read(_KEY))
    if crypto.mac(_PURPOSE, b"").hex() != manifest.key_check:
        raise BadBackup(
            "The backup was made with another instance key. Restore into a new data folder; "
            "when EVERPOST_SECRET_KEY was set, set it to the same value."
        )


async def restore_tables(conn: Conn, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Fill an empty database, in the caller's transaction, and bring it up to date. Raises: BadBackup."""
    if await migrate.missing(conn) != [migration.version for migration in migrate.all_migrations()]:
        raise BadBackup("The database is not empty. Restore into a new data folder, or an empty database.")
    await migrate.apply_in(conn, manifest.migrations)
    tables = {table.name: table for table in manifest.tables}
    for name in await _referred_first(conn, tables):
        await _fill(conn, archive, tables[name])
    for sequence, last in manifest.sequences.items():
        await db.one(conn, int, "SELECT setval(CAST(:name AS text)::regclass, :last)", name=sequence, last=last)
    await migrate.apply_in(conn)


async def restore_files(archive: zipfile.ZipFile) -> int:
    """Put the stored files back; returns how many."""
    names = [name for name in archive.namelist() if name.startswith(_FILES) and not name.endswith("/")]
    for name in names:
        with archive.open(name) as content:
            async with storage.create(name.removeprefix(_FILES)) as file:
                await asyncio.to_thread(shutil.copyfileobj, content, file, _PIECE_BYTES)
    return len(names)


async def _write(conn: Conn, archive: zipfile.ZipFile) -> Manifest:
    # A file that the tables speak of was there before the moment they are read at, or just after.
    _add_files(archive)
    async with db.snapshot(conn):
        migrations = await db.many(conn, str, "SELECT version FROM schema_migrations ORDER BY version")
        _add_files(archive)
        tables = [await _copy_out(conn, archive, table) for table in await _tables(conn)]
    # Sequences are read at no moment; later is safe, as numbers may be left out but not given twice.
    sequences = {sequence.name: sequence.last for sequence in await db.many(conn, _Sequence, _SEQUENCES)}
    key = crypto.own_key()
    if key is not None:
        archive.writestr(_KEY, key)
    check = crypto.mac(_PURPOSE, b"").hex()
    manifest = Manifest(_FORMAT, clock.now(), migrations, check, tables, sequences)
    archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


async def _copy_out(conn: Conn, archive: zipfile.ZipFile, table: Table) -> Table:
    columns = ", ".join(f'"{column}"' for column in table.columns)
    query = _of_the_catalogue(f'SELECT {columns} FROM "{table.name}"')  # noqa: S608
    with archive.open(_entry(table), "w", force_zip64=True) as file:

        async def take(piece: bytes) -> None:
            await asyncio.to_thread(file.write, piece)

        rows = await db.copy_csv_out(conn, query, take)
    return Table(table.name, table.columns, rows)


async def _fill(conn: Conn, archive: zipfile.ZipFile, table: Table) -> None:
    name = _of_the_catalogue(table.name)
    with archive.open(_entry(table)) as file:
        await db.copy_csv_in(conn, name, columns=table.columns, source=_pieces(cast("BinaryIO", file)))


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        yield piece


def _of_the_catalogue(text: str) -> LiteralString:
    """Names of tables and columns, as the database itself or our own archive tells them, may stand in a statement."""
    return text  # pyright: ignore[reportReturnType]


def _entry(table: Table) -> str:
    return f"tables/{table.name}.csv"


def _add_files(archive: zipfile.ZipFile) -> None:
    """Those that are not in there yet."""
    known = set(archive.namelist())
    root = storage.root()
    for path in sorted(root.rglob("*")) if root.is_dir() else ():
        name = _FILES + path.relative_to(root).as_posix()
        if name not in known and path.is_file() and not path.name.startswith("."):
            # It may be done with, and gone, by now.
            with contextlib.suppress(FileNotFoundError):
                archive.write(path, name)


def _manifest(source: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
    except (KeyError, msgspec.DecodeError) as error:
        raise BadBackup(f"{source} is no backup of everpost.") from error
    later = set(manifest.migrations) - {migration.version for migration in migrate.all_migrations()}
    if later or manifest.format != _FORMAT:
        raise BadBackup(f"{source} was made by a later version of everpost; restore it with that one.")
    return manifest


async def _tables(conn: Conn) -> list[Table]:
    return await db.many(
        conn,
        Table,
        """
        SELECT tables.table_name::text AS name,
               array_agg(columns.column_name::text ORDER BY columns.ordinal_position) AS columns
          FROM information_schema.tables AS tables
          JOIN information_schema.columns AS columns
            ON columns.table_schema = tables.table_schema AND columns.table_name = tables.table_name
         WHERE tables.table_schema = current_schema() AND tables.table_type = 'BASE TABLE'
           AND columns.is_generated = 'NEVER' AND tables.table_name <> :ledger
         GROUP BY tables.table_name
         ORDER BY tables.table_name""",
        ledger=_LEDGER,
    )


async def _referred_first(conn: Conn, tables: Iterable[str]) -> list[str]:
    """Tables in an order in which no row comes before the one that it refers to."""
    foreign = await db.many(
        conn,
        _Foreign,
        """
        SELECT conrelid::regclass::text AS referring, confrelid::regclass::text AS referred
          FROM pg_constraint
         WHERE contype = 'f' AND connamespace = current_schema()::regnamespace""",
    )
    before = {name: {each.referred for each in foreign if each.referring == name} - {name} for name in tables}
    return [name for name in graphlib.TopologicalSorter(before).static_order() if name in before]


_SEQUENCES: Final = """
    SELECT sequencename::text AS name, last_value AS last
      FROM pg_sequences
     WHERE schemaname = current_schema() AND last_value IS NOT NULL
     ORDER BY sequencename"""


@contextmanager
def _published(target: Path) -> Iterator[BinaryIO]:
    """A new file that has its name only when it is complete and on the disk."""
    partial = target.with_name(f".{target.name}.part")
    try:
        handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with io.open(handle, "w+b") as file:  # noqa: UP020
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Unlike a renaming, a link replaces nothing.
        os.link(partial, target)
    except OSError as error:
        raise BadBackup(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
