"""The database: a pool, short transactions, and plain SQL into typed records. The only file that knows the driver.

Rules: `conn` runs inside its caller's transaction and never commits; `db` opens its own. Statements are LiteralStrings
with `:named` parameters, turned into `$1, $2` once and cached. jsonb arrives as `msgspec.Raw` and is decoded to the
field's type, unless that type is Raw itself and the bytes just pass through.
"""

import contextlib
import functools
import inspect
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    LiteralString,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

import asyncpg
import msgspec
from asyncpg.exceptions._base import DataError as BadArgument
from asyncpg.pool import PoolConnectionProxy

from everpost.platform import clock

# The stubs that mypy reads know the driver's classes as generic; the driver itself, which pyright reads, does not.
if TYPE_CHECKING:
    Conn: TypeAlias = (
        asyncpg.Connection[asyncpg.Record]  # pyright: ignore[reportInvalidTypeArguments]
        | PoolConnectionProxy[asyncpg.Record]  # pyright: ignore[reportInvalidTypeArguments]
    )
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]  # pyright: ignore[reportInvalidTypeArguments]
else:
    Conn = asyncpg.Connection

Row = TypeVar("Row")

Taken = asyncpg.UniqueViolationError
# A table of this name, or the row type that comes with one.
TableTaken = (asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError)
StatementTimeout = asyncpg.QueryCanceledError
LockTimeout = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)
Unreachable = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says of a connection that is cut while it begins a statement
    ConnectionError,
    TimeoutError,
)
# The database is well, but this transaction cannot have what others hold.
_Busy = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, *LockTimeout)

_PLAIN = frozenset(
    {msgspec.Raw, int, str, bool, float, bytes, datetime, date, UUID, Decimal, NoneType, msgspec.UnsetType}
)
_KEPT_SECONDS = 30
_NAMED = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


class NoConnection(ConnectionError):
    """Nothing answers at the database's address, or every connection was busy for too long."""


class Db:
    """A pool of connections to one database."""

    def __init__(self, pool: "Pool", *, wait_seconds: float) -> None:
        self.pool = pool
        self.wait_seconds = wait_seconds
        self.ready: list[tuple[Conn, float]] = []  # connections between two blocks, and when they left the pool
        self.waiting = 0  # blocks that wait for a connection of the pool

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Conn]:
        """A connection inside a transaction that commits at the end of the block, or rolls back on an exception."""
        async with _Borrowed(self) as conn, conn.transaction():
            yield conn

    def reader(self) -> contextlib.AbstractAsyncContextManager[Conn]:
        """A connection without a transaction: one statement each sees one moment. For reads."""
        return _Borrowed(self)

    async def close(self) -> None:
        while self.ready:
            await self.pool.release(self.ready.pop()[0])
        await self.pool.close()

    def terminate(self) -> None:
        self.pool.terminate()


class _Borrowed:
    """A connection for the length of a block: one that the last block left ready, else one of the pool.

    Taking a connection from the pool and giving it back costs more than the small statement in between, so a block that
    ends well leaves its connection to the next one. Whoever waits at the pool is served by the pool, and so is every
    connection that went through an exception: its state is looked at there. Now and then each goes back, which lets the
    pool close what nobody needs.
    """

    __slots__ = ("_conn", "_db", "_taken_at")

    def __init__(self, db: Db) -> None:
        self._db = db

    async def __aenter__(self) -> Conn:
        db = self._db
        while db.ready:
            self._conn, self._taken_at = db.ready.pop()
            if _is_open(self._conn):
                return self._conn
            await db.pool.release(self._conn)
        db.waiting += 1
        try:
            self._conn = await db.pool.acquire(timeout=db.wait_seconds)
        except OSError as error:  # a missing socket, an unknown host, no time left: one thing to our callers
            raise NoConnection(type(error).__name__) from error
        finally:
            db.waiting -= 1
        self._taken_at = time.monotonic()
        return self._conn

    async def __aexit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        db, conn = self._db, self._conn
        is_well = kind is None and _is_open(conn) and not conn.is_in_transaction()
        if is_well and not db.waiting and time.monotonic() - self._taken_at < _KEPT_SECONDS:
            db.ready.append((conn, self._taken_at))
        else:
            await db.pool.release(conn)


async def connect(url: str, *, size: int = 16, wait_seconds: float = 60, statement_seconds: int = 0) -> Db:
    """Open a pool and follow the database's clock. Raises: OSError or a driver error when nothing answers.

    Nobody waits longer than `wait_seconds` for a connection, nor longer than `statement_seconds` (0 is for ever) for
    one statement; where nobody may wait, a transaction that stands idle is ended too, for it may hold locks.
    """
    limits = {"statement_timeout": f"{statement_seconds}s", "idle_in_transaction_session_timeout": "60s"}
    # reset=noop: every statement that changes a session's state is LOCAL to its transaction, so nothing needs undoing.
    pool = await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        reset=_no_reset,
        init=_prepare_connection,
        max_inactive_connection_lifetime=60,
        server_settings=limits if statement_seconds else {},
    )
    db = Db(pool, wait_seconds=wait_seconds)
    async with db.reader() as conn:
        before = datetime.now(UTC)
        there = await one(conn, datetime, "SELECT clock_timestamp()")
        assert there is not None
        clock.follow(_offset(before, there, datetime.now(UTC)))
    return db


def is_outage(error: Exception) -> bool:
    """Whether trying again later may help, because the database and not the request is the reason."""
    # A value that does not fit its column's type is our mistake, though the driver makes it an InterfaceError.
    return isinstance(error, (*Unreachable, *_Busy)) and not isinstance(error, BadArgument)


async def connect_once(url: str) -> Conn:
    """One connection outside any pool, for migrations and for the queue's listener. The caller closes it."""
    conn = await asyncpg.connect(url)
    await _prepare_connection(conn)
    return conn


async def plain_connection(url: str) -> Any:
    """A connection without our codecs, for the queue's own driver. The caller closes it."""
    return await asyncpg.connect(url)


async def one(conn: Conn, kind: type[Row], sql: LiteralString, **parameters: Any) -> Row | None:
    """The first row as `kind`, or None."""
    text, names = _positional(sql)
    record = await conn.fetchrow(text, *[parameters[name] for name in names])
    return None if record is None else _record_reader(kind, record)(record)


async def many(conn: Conn, kind: type[Row], sql: LiteralString, **parameters: Any) -> list[Row]:
    """All rows as `kind`."""
    text, names = _positional(sql)
    records = await conn.fetch(text, *[parameters[name] for name in names])
    if not records:
        return []
    read = _record_reader(kind, records[0])
    return [read(record) for record in records]


async def run(conn: Conn, sql: LiteralString, **parameters: Any) -> int:
    """Execute, and return how many rows were touched."""
    text, names = _positional(sql)
    status = await conn.execute(text, *[parameters[name] for name in names])
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


async def copy_in(
    conn: Conn, table: LiteralString, *, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> None:
    """COPY records into a table: the fastest way in, all or nothing within the transaction."""
    await conn.copy_records_to_table(table, columns=list(columns), records=records)


async def copy_csv_in(conn: Conn, table: LiteralString, *, columns: Sequence[str], source: Any) -> None:
    """COPY a CSV text (a binary file object or an async iterator of bytes; an unquoted empty field is NULL)."""
    await conn.copy_to_table(table, source=source, columns=list(columns), format="csv")


async def copy_csv_out(
    conn: Conn, sql: LiteralString, take: Callable[[bytes], Awaitable[None]], **parameters: Any
) -> int:
    """Hand on what a SELECT finds as CSV without headings, in pieces that end anywhere; returns how many rows."""
    text, names = _positional(sql)
    status = await conn.copy_from_query(text, *[parameters[name] for name in names], output=take, format="csv")
    return int(status.rpartition(" ")[2])


@contextlib.asynccontextmanager
async def savepoint(conn: Conn) -> AsyncIterator[None]:
    """Part of a transaction that may fail alone, so that a refused insert leaves the rest alive."""
    async with conn.transaction():
        yield


@contextlib.asynccontextmanager
async def snapshot(conn: Conn) -> AsyncIterator[None]:
    """Every statement of the block sees the database at the moment of the first one, and none may change it."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        yield


async def wait_for_locks(conn: Conn, at_most: timedelta) -> None:
    """For the rest of this transaction a lock that cannot be had within `at_most` raises one of LockTimeout."""
    await conn.execute(f"SET LOCAL lock_timeout = {int(at_most.total_seconds() * 1000)}")


async def commit_without_waiting(conn: Conn) -> None:
    """This transaction ends without waiting for the disk, so that locks many want are held for a moment only.

    A crash of the server may undo it, but never without undoing every commit that came after it.
    """
    await conn.execute("SET LOCAL synchronous_commit = off")


async def limit_statements(conn: Conn, at_most: timedelta) -> None:
    """For the rest of this transaction a statement that takes longer than `at_most` raises StatementTimeout."""
    await conn.execute(f"SET LOCAL statement_timeout = {int(at_most.total_seconds() * 1000)}")


# Most statements are written once; those of segments are as many as there are rules, so only the last are kept.
@functools.lru_cache(maxsize=4096)
def _positional(sql: LiteralString) -> tuple[str, tuple[str, ...]]:
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${names.setdefault(match[1], len(names) + 1)}"

    return _NAMED.sub(number, sql), tuple(names)


def _record_reader(kind: type[Row], record: asyncpg.Record) -> Callable[[asyncpg.Record], Row]:
    return cast("Callable[[asyncpg.Record], Row]", _reader(cast(Any, kind), tuple(record.keys())))


@functools.cache
def _reader(kind: Any, columns: tuple[str, ...]) -> Callable[[asyncpg.Record], Any]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return lambda record: record[0]
    decoders = [(columns.index(name), decode) for name, decode in _decoders(kind).items() if name in columns]
    # A Struct made by position costs a tenth of one made by names: worth it for a page of 500.
    make = kind if _is_in_order(kind, columns) else lambda *values: kind(**dict(zip(columns, values, strict=True)))
    if not decoders:
        return lambda record: make(*record)

    def read(record: asyncpg.Record) -> Any:
        values = list(record)
        for at, decode in decoders:
            if isinstance(values[at], msgspec.Raw):
                values[at] = decode(values[at])
        return make(*values)

    return read


def _is_in_order(kind: type[msgspec.Struct], columns: tuple[str, ...]) -> bool:
    """Whether the columns are the Struct's fields, or its first ones, and may be given by position."""
    parameters = list(inspect.signature(kind).parameters.values())[: len(columns)]
    return tuple(parameter.name for parameter in parameters) == columns and not any(
        parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters
    )


def _decoders(kind: type[msgspec.Struct]) -> dict[str, Callable[[Any], Any]]:
    """A JSON decoder for each field that is neither a column's own Python type nor passed through raw."""
    return {
        name: msgspec.json.Decoder(hint).decode
        for name, hint in get_type_hints(kind, include_extras=True).items()
        if not _is_plain(hint)
    }


def _is_plain(hint: Any) -> bool:
    """Whether a column of this type arrives as it is: scalars, and unions of nothing else."""
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) is Annotated:
        return _is_plain(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return all(_is_plain(option) for option in get_args(hint))
    return get_origin(hint) is Literal or hint in _PLAIN


def _offset(before: datetime, there: datetime, after: datetime) -> timedelta:
    """How far the database's clock is from ours; differences within the round trip are none."""
    if before <= there <= after:
        return timedelta(0)
    return there - before - (after - before) / 2


def _is_open(conn: Conn) -> bool:
    try:
        return not conn.is_closed()
    except asyncpg.InterfaceError:
        # It was cut, and the pool has taken it back by itself.
        return False


async def _no_reset(conn: Any) -> None:
    return None


async def _prepare_connection(conn: Any) -> None:
    await conn.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )
    await conn.set_type_codec("json", schema="pg_catalog", encoder=_encode_json, decoder=msgspec.Raw, format="binary")


def _encode_json(value: Any) -> bytes:
    return bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + _encode_json(value)


def _decode_jsonb(data: bytes) -> msgspec.Raw:
    return msgspec.Raw(data[1:])
