"""Work that outlives a request: enqueued in the caller's transaction, run by a worker, perhaps twice.

A job is a module-level coroutine function whose first parameter is `db` and whose others are ids and plain values:

    @job("imports.run")
    async def run(db: Db, account_id: AccountId, activity_id: ActivityId) -> None: ...

    await run.later(conn, account_id=..., activity_id=...)

Rules: never one job per recipient; begin by asking whether the work is still needed, because a killed worker's job
runs again. A job that raises is tried again with growing delays and in the end kept as failed, for `everpost doctor`
to show. The rows are those of PgQueuer (see `job_runner`), written here by plain SQL so that they join any transaction.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from inspect import signature
from typing import Any, Concatenate, Generic, ParamSpec, cast, get_type_hints

import msgspec

from everpost.platform import clock
from everpost.platform.db import Conn, Db, run

Parameters = ParamSpec("Parameters")


class Job(Generic[Parameters]):
    """A registered job: call it to run it here and now, `later` to enqueue it."""

    def __init__(self, name: str, function: Callable[Concatenate[Db, Parameters], Awaitable[None]]) -> None:
        self.name = name
        self.function = function
        hints = get_type_hints(function)
        names = list(signature(function).parameters)[1:]
        self._payload = msgspec.defstruct(f"Payload_{name.replace('.', '_')}", [(each, hints[each]) for each in names])
        self._decoder = msgspec.json.Decoder(self._payload)

    async def __call__(self, db: Db, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        await self.function(db, *args, **kwargs)

    async def later(
        self, conn: Conn, *, at: datetime | None = None, only_once: str | None = None, **arguments: Any
    ) -> None:
        """Enqueue in the caller's transaction, to run now or at a time.

        `only_once`: a key; while a job with it waits or runs, another one is not enqueued. For sweeps that ask again
        anyway: a job that runs may have looked already, and would not see what this call is about.
        """
        payload = msgspec.json.encode(self._payload(**arguments))
        await run(conn, _ENQUEUE, name=self.name, payload=payload, at=at or clock.now(), only_once=only_once)

    async def run_payload(self, db: Db, payload: bytes | None) -> None:
        """Run with the arguments as they lie in the queue."""
        values = self._decoder.decode(payload or b"{}")
        function = cast("Callable[..., Awaitable[None]]", self.function)
        await function(db, **{name: getattr(values, name) for name in self._payload.__struct_fields__})


class Recurring(msgspec.Struct, frozen=True):
    """Something to do again and again, on one node at a time."""

    name: str
    interval: timedelta
    function: Callable[[Db], Awaitable[None]]


registry: dict[str, Job[Any]] = {}
recurring: dict[str, Recurring] = {}


def job(name: str) -> Callable[[Callable[Concatenate[Db, Parameters], Awaitable[None]]], Job[Parameters]]:
    """Register a coroutine function as a job. Raises: ValueError when the name is taken."""

    def register(function: Callable[Concatenate[Db, Parameters], Awaitable[None]]) -> Job[Parameters]:
        if name in registry:
            raise ValueError(f"two jobs are named {name}")
        made = Job(name, function)
        registry[name] = cast("Job[Any]", made)
        return made

    return register


def every(
    interval: timedelta,
) -> Callable[[Callable[[Db], Awaitable[None]]], Callable[[Db], Awaitable[None]]]:
    """Run a coroutine function at this interval, on whichever worker is first."""

    def register(function: Callable[[Db], Awaitable[None]]) -> Callable[[Db], Awaitable[None]]:
        name = f"{function.__module__.removeprefix('everpost.')}.{function.__name__}"
        recurring[name] = Recurring(name, interval, function)
        return function

    return register


async def claim_recurring(db: Db, task: Recurring) -> bool:
    """Whether this node is the one to run the task now: one conditional write decides among all."""
    now = clock.now()
    async with db.transaction() as conn:
        return bool(await run(conn, _CLAIM, name=task.name, now=now, next_at=now + task.interval))


# A key that is taken means the same work already waits, so the second request for it adds nothing.
_ENQUEUE = """
    INSERT INTO pgqueuer (priority, status, entrypoint, payload, execute_after, dedupe_key)
    VALUES (0, 'queued', :name, :payload, :at, :only_once)
        ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL DO NOTHING"""

_CLAIM = """
    INSERT INTO recurring_tasks AS task (name, next_at) VALUES (:name, :next_at)
        ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at
     WHERE task.next_at <= :now"""
