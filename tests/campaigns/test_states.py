"""Every step from every status, against the table of the contract. Source: campaigns.md §2.4."""

from datetime import UTC, datetime
from typing import Any

import pytest

from everpost.campaigns import states
from everpost.campaigns.errors import CampaignNotFound, StateConflicts, StateForbids
from everpost.ids import AccountId, CampaignId, new_id
from everpost.platform.db import Conn, Db, one, run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATUSES = ("DRAFT", "SCHEDULED", "EXECUTING", "DONE", "ERROR", "REMOVED")
ACCOUNT = AccountId(new_id())

# What each step leads to from each status, in the order of STATUSES; a hyphen is a refusal. A campaign that waits or
# runs remembers that it was DONE before.
TABLE = {
    "edit": "DRAFT - - DONE ERROR -",
    "rename": "DRAFT SCHEDULED EXECUTING DONE ERROR -",
    "schedule": "SCHEDULED - - SCHEDULED SCHEDULED -",
    "unschedule": "- DONE - - - -",
    "start": "- EXECUTING - - - -",
    "finish": "- - DONE - - -",
    "fail": "- - ERROR - - -",
    "stop": "- - - ERROR - -",
    "remove": "REMOVED - - REMOVED REMOVED -",
}
CASES = [
    (step, status, None if outcome == "-" else outcome)
    for step, row in TABLE.items()
    for status, outcome in zip(STATUSES, row.split(), strict=True)
]


async def take(conn: Conn, campaign_id: CampaignId, step: str) -> bool:
    """Take a step; False when it was refused without an error of its own."""
    match step:
        case "edit":
            await states.edit(conn, ACCOUNT, campaign_id, now=NOW)
        case "rename":
            await states.rename(conn, ACCOUNT, campaign_id, "New name", now=NOW)
        case "schedule":
            await states.schedule(conn, ACCOUNT, campaign_id, at=NOW, now=NOW)
        case "unschedule":
            await states.unschedule(conn, ACCOUNT, campaign_id, now=NOW)
        case "start":
            return await states.start(conn, ACCOUNT, campaign_id, now=NOW)
        case "stop":
            return await states.stop(conn, ACCOUNT, campaign_id, now=NOW)
        case "remove":
            await states.remove(conn, ACCOUNT, campaign_id, now=NOW)
        case "finish" | "fail":
            return await states.end(conn, ACCOUNT, campaign_id, step, now=NOW)
    return True


async def insert(conn: Conn, status: str) -> CampaignId:
    campaign_id = CampaignId(new_id())
    is_waiting = status in ("SCHEDULED", "EXECUTING")
    await run(
        conn,
        """
        INSERT INTO campaigns (account_id, campaign_id, sequence_id, name, type_code, status, previous_status,
                               scheduled_at, created_at, updated_at)
        VALUES (:account_id, :campaign_id, 1, 'Name', 26, :status, :previous_status, :scheduled_at, :now, :now)""",
        account_id=ACCOUNT,
        campaign_id=campaign_id,
        status=status,
        previous_status="DONE" if is_waiting else None,
        scheduled_at=NOW if is_waiting else None,
        now=NOW,
    )
    return campaign_id


@pytest.mark.parametrize(("step", "status", "expected"), CASES)
async def test_a_step_leads_where_the_table_says(db: Db, step: str, status: str, expected: str | None) -> None:
    async with db.transaction() as conn:
        campaign_id = await insert(conn, status)
        try:
            is_taken = await take(conn, campaign_id, step)
        except (StateForbids, StateConflicts, CampaignNotFound):
            is_taken = False
        found = await one(
            conn,
            str,
            "SELECT status FROM campaigns WHERE account_id = :account_id AND campaign_id = :campaign_id",
            account_id=ACCOUNT,
            campaign_id=campaign_id,
        )
    assert (is_taken, found) == (expected is not None, expected or status)


@pytest.mark.parametrize("step", ["edit", "schedule", "unschedule", "remove"])
async def test_a_removed_campaign_is_not_found(db: Db, step: str) -> None:
    async with db.transaction() as conn:
        campaign_id = await insert(conn, "REMOVED")
        with pytest.raises(CampaignNotFound):
            await take(conn, campaign_id, step)


async def test_a_schedule_that_is_not_due_does_not_start(db: Db) -> None:
    async with db.transaction() as conn:
        campaign_id = await insert(conn, "SCHEDULED")
        early = NOW.replace(hour=11, minute=59, second=59)
        assert not await states.start(conn, ACCOUNT, campaign_id, now=early)


def test_every_step_of_the_table_is_known() -> None:
    assert set(TABLE) == set(states.RULES)
    assert all(set(STATUSES) >= set(rule.starts) for rule in states.RULES.values())


@pytest.mark.parametrize(
    ("status", "subject", "expected"),
    [
        ("SCHEDULED", "Campaign", "Campaign is Scheduled; delete its schedule first."),
        ("EXECUTING", "Campaign", "Campaign is Executing; wait until it is Done."),
        ("EXECUTING", "Campaign activity", "Campaign activity is EXECUTING; wait until it is DONE."),
    ],
)
def test_a_refusal_names_the_status_as_its_subject_spells_it(status: Any, subject: str, expected: str) -> None:
    assert states.why_not(status, subject) == expected
