"""The worker's engine: PgQueuer takes jobs from the queue table, and a clock loop runs what recurs.

A worker that dies leaves its jobs picked; without a heartbeat for `_HEARTBEAT` another worker takes them again.
"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any, Final

from pgqueuer import AsyncpgDriver, DatabaseRetryEntrypointExecutor, Job, Queries, QueueManager

from everpost.platform import jobs, logs, metrics
from everpost.platform.db import Db, plain_connection

_HEARTBEAT: Final = timedelta(seconds=12)
_POLL: Final = timedelta(seconds=5)  # notifications are hints only; polling is the truth
_ATTEMPTS: Final = 25
_BATCH: Final = 10

log = logs.get(__name__)


async def run_until(stop: asyncio.Event, db: Db, database_url: str) -> None:
    """Run jobs and recurring tasks until `stop` is set; those under way are finished first."""
    connection = await plain_connection(database_url)
    manager = QueueManager(Queries(AsyncpgDriver(connection)))
    for job in jobs.registry.values():
        _register(manager, db, job)
    recurring = asyncio.create_task(_run_recurring(stop, db))
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
        for task in (recurring, stopper):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await connection.close()


def _register(manager: QueueManager, db: Db, job: "jobs.Job[Any]") -> None:
    async def handle(picked: Job) -> None:
        try:
            await job.run_payload(db, picked.payload)
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


async def _run_recurring(stop: asyncio.Event, db: Db) -> None:
    while not stop.is_set():
        for task in jobs.recurring.values():
            await _run_if_due(db, task)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=1)


async def _run_if_due(db: Db, task: jobs.Recurring) -> None:
    try:
        if await jobs.claim_recurring(db, task):
            await task.function(db)
    except Exception as error:
        # One task's failure must not stop the others; it is due again at its next interval.
        log.warning("recurring task failed", task=task.name, error=repr(error))


async def _forward(stop: asyncio.Event, manager: QueueManager) -> None:
    await stop.wait()
    manager.shutdown.set()
