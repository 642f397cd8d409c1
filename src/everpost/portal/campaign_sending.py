"""A campaign on its way, for people: how far it is, why it rests, what holds it back."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from everpost.campaigns import ab_phases, schedules, stops
from everpost.delivery import brakes, progress
from everpost.delivery.mailings import Progress, Summary
from everpost.ids import AccountId
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.portal.campaign_parts import Opened

State: TypeAlias = Literal["starting", "sending", "paused", "cancelling", "waiting"]


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands. While it is starting nothing is counted; while it is waiting, a subject test has no winner yet."""

    state: State
    counts: Progress = Progress(0, 0, 0, 0, 0, 0)
    recipients: int = 0
    reasons: list[str] = []
    brakes: list[str] = []
    waits_until: datetime | None = None

    @property
    def done(self) -> int:
        """How many recipients have their outcome."""
        return self.counts.sent + self.counts.bounced + self.counts.suppressed + self.counts.unknown

    @property
    def percent(self) -> int:
        return 100 * self.done // self.recipients if self.recipients else 0

    @property
    def is_moving(self) -> bool:
        """Whether another look in a moment may see something else."""
        return self.state in ("starting", "sending", "cancelling")


async def find(conn: Conn, account_id: AccountId, opened: Opened) -> Sending | None:
    """None when everything is sent, or nothing is to be sent now."""
    under_way = await stops.under_way(conn, account_id, opened.campaign.campaign_id)
    if under_way:
        return await _under_way(conn, account_id, opened, under_way)
    if await _is_starting(conn, account_id, opened):
        return Sending(state="starting")
    decide_at = await ab_phases.waits_until(conn, account_id, opened.campaign.campaign_id)
    return None if decide_at is None else Sending(state="waiting", waits_until=decide_at)


async def _under_way(conn: Conn, account_id: AccountId, opened: Opened, mailings: list[Summary]) -> Sending:
    return Sending(
        state=_state(mailings),
        counts=await progress.together(conn, account_id, mailings),
        recipients=sum(each.recipients for each in mailings),
        reasons=list(dict.fromkeys(each.pause_reason for each in mailings if each.pause_reason)),
        brakes=await brakes.sentences(conn, account_id, opened.email.from_email),
    )


def _state(mailings: list[Summary]) -> State:
    """Several count as one: they rest only when none of them moves."""
    states = {each.state for each in mailings}
    if "sending" in states:
        return "sending"
    return "paused" if "paused" in states else "cancelling"


async def _is_starting(conn: Conn, account_id: AccountId, opened: Opened) -> bool:
    if opened.email.status != "SCHEDULED":
        return opened.email.status == "EXECUTING"
    due_at = await schedules.due_at(conn, account_id, opened.campaign.campaign_id)
    # Without a time it was taken up after we had read that it is scheduled: the next look sees it under way.
    return due_at is None or due_at <= clock.now()
