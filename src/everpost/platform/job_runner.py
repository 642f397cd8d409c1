"""The worker's engine: PgQueuer takes jobs from the queue table, and a loop for each recurring task runs it when due.

Rules: a worker that dies leaves its jobs picked; without a heartbeat for `_HEARTBEAT` another worker takes them again.
A database that goes away ends nothing here: the worker waits for it, and jobs that lost their connection run again.
"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any, Final

from pgqueuer import AsyncpgDriver, DatabaseRetryEntrypointExecutor, Job, Queries, QueueManager

from everpost.platform import clock, db, jobs, logs, metrics
from everpost.platform.db import Db

_HEARTBEAT: Final = timedelta(seconds=12)
_POLL: Final = timedelta(seconds=5)  # notifications are hints only; polling is the truth
_ATTEMPTS: Final = 25
_BATCH: Final = 10
_LONGEST_PAUSE_SECONDS: Final = 10
_GRACE_SECONDS: Final = 5
_KEPT: Final = timedelta(days=7)

log = logs.get(__name__)


async def run_until(stop: asyncio.Event, database: Db, database_url: str) -> None:
    """Run jobs and recurring tasks until `stop` is set; those under way are finished first."""
    recurring = [asyncio.create_task(_repeat(stop, database, task)) for task in jobs.recurring.values()]
    try:
        await _keep_taking(stop, database, database_url)
    finally:
        if recurring:
            _, late = await asyncio.wait(recurring, timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _keep_taking(stop: asyncio.Event, database: Db, database_url: str) -> None:
    failures = 0
    while not stop.is_set():
        started = clock.now()
        try:
            await _take_jobs(stop, database, database_url)
        except Exception as error:
            # Whatever ended it, giving up would leave mail unsent until somebody looks.
            log.warning("queue lost", error=type(error).__name__, exc_info=not db.is_outage(error))
        failures = 0 if clock.now() - started > timedelta(minutes=1) else failures + 1
        await _pause(stop, min(0.5 * 2**failures, _LONGEST_PAUSE_SECONDS))


async def _take_jobs(stop: asyncio.Event, database: Db, database_url: str) -> None:
    """Until `stop`, or until the queue's connection ends."""
    connection = await db.plain_connection(database_url)
    manager = QueueManager(Queries(AsyncpgDriver(connection)))
    for job in jobs.registry.values():
        _register(manager, database, job)
    stopper = asyncio.create_task(_forward(stop, manager))
    try:
        await manager.run(
            dequeue_timeout=_POLL,
            batch_size=_BATCH,
            max_concurrent_tasks=2 * _BATCH,
            heartbeat_timeout=_HEARTBEAT,
            shutdown_on_listener_failure=True,
        )
    finally:
        stopper.cancel()
        # Not `close`, which says goodbye to a server that may not be there and waits for its answer.
        connection.terminate()


def _register(manager: QueueManager, database: Db, job: "jobs.Job[Any]") -> None:
    async def handle(picked: Job) -> None:
        try:
            await job.run_payload(database, picked.payload)
        except Exception as error:
            metrics.jobs.labels(job.name, "failed").inc()
            log.warning("job failed", job=job.name, attempt=picked.attempts, error=type(error).__name__, exc_info=True)
            raise
        metrics.jobs.labels(job.name, "done").inc()

    manager.entrypoint(
        job.name,
        accepts_context=False,
        on_failure="hold",
        executor_factory=lambda parameters: DatabaseRetryEntrypointExecutor(
            parameters, max_attempts=_ATTEMPTS, initial_delay=timedelta(seconds=1), max_delay=timedelta(minutes=5)
        ),
    )(handle)


async def _repeat(stop: asyncio.Event, database: Db, task: jobs.Recurring) -> None:
    # Each has a loop of its own: a sweep that takes minutes must not keep the others waiting, the sign of life among
    # them. What is due hourly need not be asked for every second.
    seconds = 1 if task.interval <= timedelta(minutes=1) else 10
    while not stop.is_set():
        await _run_if_due(database, task)
        await _pause(stop, seconds)


async def _run_if_due(database: Db, task: jobs.Recurring) -> None:
    try:
        if await jobs.claim_recurring(database, task):
            await task.function(database)
    except Exception as error:
        # It is due again at its next interval. An outage is told once, by the queue, not by every task every second.
        if not db.is_outage(error):
            log.warning("recurring task failed", task=task.name, error=type(error).__name__, exc_info=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), timeout=seconds)


async def _forward(stop: asyncio.Event, manager: QueueManager) -> None:
    await stop.wait()
    manager.shutdown.set()


@jobs.every(timedelta(hours=1))
async def forget(database: Db) -> None:
    """Delete what the queue noted about jobs of more than a week ago; it never does so itself."""
    before = clock.now() - _KEPT
    async with database.transaction() as conn:
        await db.run(conn, "DELETE FROM pgqueuer_log WHERE created < :before", before=before)
        await db.run(conn, "DELETE FROM pgqueuer_statistics WHERE created < :before", before=before)
