"""/healthz, /metrics and the queue's state, as operators' tools see them."""

from datetime import timedelta
from typing import Any

from everpost.platform import health, jobs
from everpost.platform.db import Db
from tests.support.api import Api


async def test_a_well_node_says_so(api: Api, db: Db) -> None:
    await jobs.claim_recurring(db, jobs.recurring["platform.health.beat"])
    answer = await Api(api.app, None).get("/healthz")
    assert answer.status == 200
    assert answer.text == '{"status":"ok"}'


async def test_a_node_without_a_worker_serves_and_says_so(api: Api) -> None:
    answer = await Api(api.app, None).get("/healthz")
    assert (answer.status, answer.body["worker"]) == (200, "silent")


async def test_a_worker_that_fell_silent_is_noticed(api: Api, db: Db, clock: Any) -> None:
    await jobs.claim_recurring(db, jobs.recurring["platform.health.beat"])
    clock.move(health.SILENT_AFTER + timedelta(seconds=1))
    async with db.reader() as conn:
        assert await health.worker_silence_of(conn) == health.SILENT_AFTER + timedelta(seconds=1)
    assert (await Api(api.app, None).get("/healthz")).body["worker"] == "silent"


async def test_a_node_that_lost_its_database_is_unavailable(api: Api, db: Db) -> None:
    application: Any = api.app
    application.db.terminate()
    answer = await Api(api.app, None).get("/healthz")
    assert answer.status == 503
    assert answer.body == {"status": "unavailable", "database": "unreachable", "worker": "unknown"}


async def test_metrics_count_requests_and_jobs(api: Api, db: Db) -> None:
    await api.get("/v3/account/summary")
    async with db.transaction() as conn:
        await conn.execute("INSERT INTO pgqueuer (priority, status, entrypoint) VALUES (0, 'failed', 'some.job')")
    answer = await Api(api.app, None).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'everpost_requests_total{door="/v3/account/summary",method="GET",status="200"}' in answer.text
    assert 'everpost_jobs_in_queue{state="failed"} 1.0' in answer.text
    assert 'everpost_jobs_in_queue{state="queued"} 0.0' in answer.text


async def test_jobs_that_were_given_up_run_again_when_asked(db: Db) -> None:
    async with db.transaction() as conn:
        await conn.execute(
            "INSERT INTO pgqueuer (priority, status, entrypoint, attempts) VALUES (0, 'failed', 'some.job', 25)"
        )
        assert await health.failed_jobs(conn) == [health.FailedJobs("some.job", 1)]
        assert await health.retry_failed(conn) == 1
        assert await health.failed_jobs(conn) == []
        assert await conn.fetchval("SELECT attempts FROM pgqueuer WHERE status = 'queued'") == 0
