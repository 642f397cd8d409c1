"""Facts go up: a slice publishes what happened in its own transaction, and whoever cares has a job for it.

    await publish(conn, "mailing.finished", account_id=..., mailing_id=...)

    @on("mailing.finished")
    async def finish(db: Db, account_id: AccountId, mailing_id: MailingId) -> None: ...

One job per subscriber is enqueued with the fact, so a fact and its consequences are real together or not at all.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, cast

from everpost.platform.db import Conn, Db
from everpost.platform.jobs import Job, job

Parameters = ParamSpec("Parameters")

subscribers: dict[str, list[Job[Any]]] = {}


def on(fact: str) -> Callable[[Callable[Concatenate[Db, Parameters], Awaitable[None]]], Job[Parameters]]:
    """Subscribe a coroutine function to a fact; it takes `db` and the fact's members by name."""

    def register(function: Callable[Concatenate[Db, Parameters], Awaitable[None]]) -> Job[Parameters]:
        name = f"{fact}>{function.__module__.removeprefix('everpost.')}.{function.__name__}"
        subscriber = job(name)(function)
        subscribers.setdefault(fact, []).append(cast("Job[Any]", subscriber))
        return subscriber

    return register


async def publish(conn: Conn, fact: str, *, at: datetime | None = None, **members: Any) -> None:
    """Tell whoever subscribed, now or at a time; nobody having done so is fine."""
    for subscriber in subscribers.get(fact, []):
        await subscriber.later(conn, at=at, **members)
