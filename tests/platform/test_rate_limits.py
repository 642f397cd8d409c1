"""How often an application may call. Source: contract, conventions.md §6."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from everpost import app as web
from everpost.ids import AccountId, AppId, UserId
from everpost.platform import config, rate_limits
from everpost.platform.caller import Caller
from everpost.platform.db import Db
from everpost.platform.errors import ApiError, QuotaExceeded, Throttled

APP = uuid4()


def caller(app_id: UUID = APP, **limits: Any) -> Caller:
    """Somebody who calls with an application of the outside."""
    return Caller(
        account_id=AccountId(uuid4()),
        user_id=UserId(uuid4()),
        app_id=AppId(app_id),
        scopes=frozenset(),
        privileges=frozenset(),
        **{"is_limited": True, **limits},
    )


def outcomes(number: int, app_id: UUID = APP, **limits: Any) -> list[type[ApiError] | None]:
    """What so many requests at once are told."""
    told: list[type[ApiError] | None] = []
    for _ in range(number):
        try:
            rate_limits.count(caller(app_id, **limits))
            told.append(None)
        except ApiError as error:
            told.append(type(error))
    return told


@pytest.fixture(autouse=True)
def limits(settings: config.Settings, clock: Any) -> None:
    rate_limits.forget()
    config.override(rate_per_second=4, rate_per_day=10_000)


def test_the_fifth_request_within_a_second_is_refused_whoever_sends_it() -> None:
    assert [None] * 4 + [Throttled] == outcomes(5)
    assert [None] == outcomes(1, uuid4())


def test_the_second_slides(clock: Any) -> None:
    assert [None] * 2 == outcomes(2)
    clock.move(timedelta(milliseconds=600))
    assert [None] * 2 + [Throttled] == outcomes(3)
    clock.move(timedelta(milliseconds=400))
    assert [None] * 2 + [Throttled] == outcomes(3)


def test_a_refused_request_is_not_counted(clock: Any) -> None:
    outcomes(50)
    clock.move(timedelta(seconds=1))
    assert [None] * 4 + [Throttled] == outcomes(5)


def test_the_quota_is_said_before_the_second_and_ends_at_midnight_utc(clock: Any) -> None:
    config.override(rate_per_day=3)
    assert [None] * 3 + [QuotaExceeded] * 3 == outcomes(6)
    now = clock.now()
    clock.move(timedelta(days=1) - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second))
    assert [None] * 3 + [QuotaExceeded] == outcomes(4)


def test_none_is_no_limit() -> None:
    config.override(rate_per_second=0, rate_per_day=0)
    assert [None] * 50 == outcomes(50)
    config.override(rate_per_second=4, rate_per_day=4)
    assert [None] * 50 == outcomes(50, is_limited=False)


def test_an_application_may_have_limits_of_its_own() -> None:
    assert [None, Throttled] == outcomes(2, rate_per_second=1)
    assert [None] * 8 == outcomes(8, uuid4(), rate_per_second=0)
    assert [None, QuotaExceeded] == outcomes(2, uuid4(), rate_per_day=1)


async def test_nodes_learn_of_each_others_requests(db: Db, clock: Any) -> None:
    config.override(rate_per_second=0, rate_per_day=6)
    outcomes(3)
    await rate_limits.merge(db)
    rate_limits.forget()  # another node
    outcomes(2)
    await rate_limits.merge(db)
    assert [None, QuotaExceeded] == outcomes(2)


async def test_a_restart_gives_nobody_a_second_day(db: Db, clock: Any) -> None:
    config.override(rate_per_second=0, rate_per_day=3)
    first = web.create()
    await first.start()
    outcomes(3)
    await first.stop()
    rate_limits.forget()
    second = web.create()
    await second.start()
    try:
        assert [QuotaExceeded] == outcomes(1)
        clock.move(timedelta(days=1))
        assert [None] == outcomes(1)
    finally:
        await second.stop()


async def test_old_days_are_forgotten(db: Db, clock: Any) -> None:
    outcomes(1)
    await rate_limits.merge(db)
    clock.move(timedelta(days=2))
    await rate_limits.sweep(db)
    async with db.reader() as conn:
        assert 0 == await conn.fetchval("SELECT count(*) FROM request_counts")
