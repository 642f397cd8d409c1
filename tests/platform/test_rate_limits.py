"""Limits of an application: a sliding second, a day of UTC, shared by processes and kept over restarts."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.ids import AccountId, AppId, UserId
from everpost.platform import config, rate_limits
from everpost.platform.caller import Caller
from everpost.platform.db import Db, one
from everpost.platform.errors import QuotaExceeded, Throttled
from tests.support.fixtures import AccountApi


def _caller(app_id: AppId, **limits: Any) -> Caller:
    return Caller(AccountId(uuid4()), UserId(uuid4()), app_id, frozenset(), frozenset(), **limits)


async def test_the_fifth_request_within_any_second_is_refused(db: Db, clock: Any) -> None:
    config.override(rate_per_second=4)
    caller = _caller(AppId(uuid4()))
    for _ in range(4):
        rate_limits.count(caller)
        clock.move(timedelta(milliseconds=200))
    with pytest.raises(Throttled):
        rate_limits.count(caller)
    clock.move(timedelta(milliseconds=199))
    with pytest.raises(Throttled):
        rate_limits.count(caller)
    clock.move(timedelta(milliseconds=1))  # the first is now a second old, and refused ones were not counted
    rate_limits.count(caller)
    rate_limits.count(_caller(AppId(uuid4())))


async def test_an_exhausted_quota_comes_before_the_second_and_ends_with_the_day(db: Db, clock: Any) -> None:
    config.override(rate_per_second=1, rate_per_day=1)
    caller = _caller(AppId(uuid4()))
    rate_limits.count(caller)
    with pytest.raises(QuotaExceeded):
        rate_limits.count(caller)
    clock.move(timedelta(days=1))
    rate_limits.count(caller)


async def test_the_day_is_remembered_over_a_restart_and_shared_with_other_processes(db: Db, clock: Any) -> None:
    config.override(rate_per_day=3)
    caller = _caller(AppId(uuid4()))
    rate_limits.count(caller)
    rate_limits.count(caller)
    await rate_limits.merge(db)
    rate_limits.forget()  # as another process, or this one after a restart, begins
    rate_limits.count(caller)
    await rate_limits.merge(db)
    with pytest.raises(QuotaExceeded):
        rate_limits.count(caller)
    await rate_limits.merge(db)
    async with db.reader() as conn:
        assert 3 == await one(conn, int, "SELECT requests FROM request_counts WHERE app_id = :id", id=caller.app_id)


async def test_an_application_may_have_limits_of_its_own_or_none(db: Db, clock: Any) -> None:
    config.override(rate_per_second=1, rate_per_day=1)
    generous = _caller(AppId(uuid4()), rate_per_second=2, rate_per_day=2)
    for _ in range(2):
        rate_limits.count(generous)
    with pytest.raises(QuotaExceeded):
        rate_limits.count(generous)
    free = _caller(AppId(uuid4()), is_limited=False)
    for _ in range(9):
        rate_limits.count(free)


async def test_the_days_before_yesterday_are_forgotten(db: Db, clock: Any) -> None:
    rate_limits.count(_caller(AppId(uuid4())))
    await rate_limits.merge(db)
    for days, left in ((1, 1), (1, 0)):
        clock.move(timedelta(days=days))
        await rate_limits.sweep(db)
        async with db.reader() as conn:
            assert left == await one(conn, int, "SELECT count(*) FROM request_counts")


async def test_tokens_of_the_command_line_know_no_limit(api: AccountApi) -> None:
    config.override(rate_per_second=1)
    for _ in range(3):
        assert 200 == (await api.get("/v3/account/user/privileges")).status
