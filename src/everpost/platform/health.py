"""What operators' tools ask: is this node well (`/healthz`), what does it do (`/metrics`), does a worker live.

Rules: `/healthz` is 200 while this process reaches its database, whatever else is wrong, because it decides whether a
proxy sends requests here. A worker shows that it lives by a recurring task that has nothing else to do.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from prometheus_client import Gauge

from everpost.platform import clock, metrics
from everpost.platform.db import Conn, Db, Unreachable, many, one, run
from everpost.platform.doors import Answer, OpenDoors
from everpost.platform.jobs import every

BEAT: Final = timedelta(seconds=15)
SILENT_AFTER: Final = timedelta(seconds=45)

_BEAT_NAME: Final = "platform.health.beat"
_DATABASE_TIMEOUT_SECONDS: Final = 3

open_doors = OpenDoors(tag="Health")

jobs_in_queue = Gauge(
    "everpost_jobs_in_queue", "Jobs by state; failed ones wait for a person.", ["state"], registry=metrics.REGISTRY
)
worker_silence = Gauge(
    "everpost_worker_silence_seconds", "Time since any worker was last seen.", registry=metrics.REGISTRY
)


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `/healthz` answers: the status, and what is not well. Source: contract, conventions.md §1."""

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unreachable"] = "ok"
    worker: Literal["ok", "silent", "unknown"] = "ok"


class QueueState(msgspec.Struct, frozen=True):
    """How many jobs are `queued`, `picked` or `failed`."""

    status: str
    jobs: int


@open_doors.get("/healthz", hidden=True)
async def healthz(db: Db) -> Answer:
    """Whether this node can serve."""
    try:
        async with asyncio.timeout(_DATABASE_TIMEOUT_SECONDS), db.reader() as conn:
            silence = await worker_silence_of(conn)
    except (OSError, *Unreachable):
        return Answer(Health("unavailable", "unreachable", "unknown"), status=503)
    return Answer(Health("ok", worker="silent" if silence is None or silence > SILENT_AFTER else "ok"))


@open_doors.get("/metrics", hidden=True)
async def read_metrics(db: Db) -> Answer:
    """Numbers of this process, and of the queue that all nodes share, for Prometheus."""
    async with db.reader() as conn:
        silence = await worker_silence_of(conn)
        states = {state.status: state.jobs for state in await _queue_states(conn)}
    worker_silence.set(float("nan") if silence is None else silence.total_seconds())
    for state in ("queued", "picked", "failed"):
        jobs_in_queue.labels(state).set(states.get(state, 0))
    return Answer(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


@every(BEAT)
async def beat(db: Db) -> None:
    """Nothing: that it was claimed is the sign of life."""


async def worker_silence_of(conn: Conn) -> timedelta | None:
    """How long ago any worker was seen; None when none ever was."""
    next_at = await one(conn, datetime, "SELECT next_at FROM recurring_tasks WHERE name = :name", name=_BEAT_NAME)
    return None if next_at is None else max(clock.now() - (next_at - BEAT), timedelta(0))


async def _queue_states(conn: Conn) -> list[QueueState]:
    return await many(conn, QueueState, "SELECT status::text, count(*) AS jobs FROM pgqueuer GROUP BY status")


class FailedJobs(msgspec.Struct, frozen=True):
    """How many jobs of one name were given up."""

    name: str
    jobs: int


async def failed_jobs(conn: Conn) -> list[FailedJobs]:
    return await many(
        conn,
        FailedJobs,
        """
        SELECT entrypoint AS name, count(*) AS jobs FROM pgqueuer WHERE status = 'failed'
         GROUP BY entrypoint ORDER BY entrypoint""",
    )


async def retry_failed(conn: Conn) -> int:
    """Let the jobs that were given up run again, from their first try."""
    # Without its key, because the same work may wait a second time by now; a job may run twice.
    return await run(
        conn,
        """
        UPDATE pgqueuer SET status = 'queued', attempts = 0, dedupe_key = NULL, execute_after = :now
         WHERE status = 'failed'""",
        now=clock.now(),
    )
