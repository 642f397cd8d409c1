"""The state machine of a campaign: every status, every step, and who may take it when.

Rules: the status is kept once, on the campaign, and read as that of its primary_email and permalink activities too.
A step is one UPDATE that names the statuses it starts from, so of two racing callers the database lets one through; the
other is told the status that stopped it.
Source: contract, campaigns.md §2.3, §2.4.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from everpost.campaigns.errors import CampaignNotFound, StateConflicts, StateForbids
from everpost.ids import AccountId, CampaignId
from everpost.platform.db import Conn, one, run

Status: TypeAlias = Literal["DRAFT", "SCHEDULED", "EXECUTING", "DONE", "ERROR", "REMOVED"]
Step: TypeAlias = Literal["edit", "rename", "schedule", "unschedule", "start", "finish", "fail", "stop", "remove"]


class Rule(msgspec.Struct, frozen=True):
    """Where a step may start and where it leads; `same` leaves the status, `previous` restores the remembered one."""

    starts: tuple[Status, ...]
    leads_to: Status | Literal["same", "previous"]


AT_REST: tuple[Status, ...] = ("DRAFT", "DONE", "ERROR")

RULES: Mapping[Step, Rule] = {
    "edit": Rule(AT_REST, "same"),
    "rename": Rule((*AT_REST, "SCHEDULED", "EXECUTING"), "same"),
    "schedule": Rule(AT_REST, "SCHEDULED"),
    "unschedule": Rule(("SCHEDULED",), "previous"),
    "start": Rule(("SCHEDULED",), "EXECUTING"),
    "finish": Rule(("EXECUTING",), "DONE"),
    "fail": Rule(("EXECUTING",), "ERROR"),
    "stop": Rule(("DONE",), "ERROR"),
    "remove": Rule(AT_REST, "REMOVED"),
}


def shown(status: Status) -> str:
    """A campaign's status as the API spells it; activities show the upper case. `Draft`, `Scheduled`, …"""
    return status.capitalize()


async def edit(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> None:
    """Hold the campaign still while its content changes. Raises: StateForbids, CampaignNotFound."""
    if not await _step(conn, account_id, campaign_id, "edit", now):
        raise await _refusal(conn, account_id, campaign_id)


async def rename(conn: Conn, account_id: AccountId, campaign_id: CampaignId, name: str, *, now: datetime) -> None:
    """Raises: StateConflicts (409), CampaignNotFound, Taken."""
    if not await _rename(conn, account_id, campaign_id, name, now):
        status = await _status(conn, account_id, campaign_id)
        if status is None:
            raise CampaignNotFound
        raise StateConflicts(f"Campaign is {shown(status)}; it can no longer be renamed.")


async def remove(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> None:
    """Raises: StateForbids, CampaignNotFound (also when it was removed before)."""
    if not await _step(conn, account_id, campaign_id, "remove", now):
        raise await _refusal(conn, account_id, campaign_id, subject="Campaign")


async def schedule(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, at: datetime, now: datetime) -> None:
    """Wait for `at`, remembering the present status. Raises: StateForbids, CampaignNotFound."""
    if not await _schedule(conn, account_id, campaign_id, at, now):
        raise await _refusal(conn, account_id, campaign_id)


async def unschedule(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> None:
    """Go back to the remembered status. Raises: StateForbids, CampaignNotFound."""
    if not await _unschedule(conn, account_id, campaign_id, now):
        status = await _status(conn, account_id, campaign_id)
        if status in (None, "REMOVED"):
            raise CampaignNotFound
        raise StateForbids(f"Campaign activity is {status}; it has no schedule.")


async def start(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> bool:
    """SCHEDULED and due → EXECUTING; False when another worker was first, or the schedule was deleted or moved."""
    return await _start(conn, account_id, campaign_id, now)


async def hold(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Keep everybody else from changing the campaign until the transaction ends."""
    await run(
        conn,
        "SELECT 1 FROM campaigns WHERE account_id = :account_id AND campaign_id = :campaign_id FOR UPDATE",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def hold_executing(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> bool:
    """Lock an EXECUTING campaign until the transaction ends; False when its run is over already."""
    locked = await one(
        conn,
        int,
        """
        SELECT 1 FROM campaigns
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = 'EXECUTING'
           FOR UPDATE""",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return locked is not None


async def end(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, step: Literal["finish", "fail"], *, now: datetime
) -> bool:
    """EXECUTING → DONE or ERROR; False when the run is over already."""
    return await _step(conn, account_id, campaign_id, step, now)


async def stop(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> bool:
    """DONE → ERROR, when what was handed over does not go out after all; False in any other status."""
    return await _step(conn, account_id, campaign_id, "stop", now)


async def touch(conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> None:
    """Something that belongs to the campaign changed."""
    await run(
        conn,
        "UPDATE campaigns SET updated_at = :now WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
        now=now,
    )


async def retype(conn: Conn, account_id: AccountId, campaign_id: CampaignId, type_code: int, *, now: datetime) -> None:
    """Change the campaign's type, which an A/B test does."""
    await run(
        conn,
        """
        UPDATE campaigns
           SET type_code = :type_code, updated_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        type_code=type_code,
        now=now,
    )


async def is_removed(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> bool:
    return await _status(conn, account_id, campaign_id) in (None, "REMOVED")


def why_not(status: Status, subject: str = "Campaign activity") -> str:
    """What stands in the way of editing, scheduling or removing; names the status as the subject spells it."""
    name = shown(status) if subject == "Campaign" else status
    done = shown("DONE") if subject == "Campaign" else "DONE"
    if status == "SCHEDULED":
        return f"{subject} is {name}; delete its schedule first."
    return f"{subject} is {name}; wait until it is {done}."


async def _refusal(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, subject: str = "Campaign activity"
) -> CampaignNotFound | StateForbids:
    status = await _status(conn, account_id, campaign_id)
    if status is None or status == "REMOVED":
        return CampaignNotFound()
    return StateForbids(why_not(status, subject))


async def _status(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Status | None:
    found = await one(
        conn,
        str,
        "SELECT status FROM campaigns WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return None if found is None else msgspec.convert(found, Status)


async def _step(conn: Conn, account_id: AccountId, campaign_id: CampaignId, step: Step, now: datetime) -> bool:
    rule = RULES[step]
    touched = await run(
        conn,
        """
        UPDATE campaigns
           SET status = CASE WHEN :leads_to = 'same' THEN status ELSE :leads_to END,
               previous_status = NULL, scheduled_at = NULL, updated_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = ANY(:starts)""",
        account_id=account_id,
        campaign_id=campaign_id,
        starts=rule.starts,
        leads_to=rule.leads_to,
        now=now,
    )
    return touched == 1


async def _rename(conn: Conn, account_id: AccountId, campaign_id: CampaignId, name: str, now: datetime) -> bool:
    touched = await run(
        conn,
        """
        UPDATE campaigns
           SET name = :name, updated_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = ANY(:starts)""",
        account_id=account_id,
        campaign_id=campaign_id,
        name=name,
        starts=RULES["rename"].starts,
        now=now,
    )
    return touched == 1


async def _schedule(conn: Conn, account_id: AccountId, campaign_id: CampaignId, at: datetime, now: datetime) -> bool:
    touched = await run(
        conn,
        """
        UPDATE campaigns
           SET previous_status = status, status = 'SCHEDULED', scheduled_at = :at, updated_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = ANY(:starts)""",
        account_id=account_id,
        campaign_id=campaign_id,
        at=at,
        starts=RULES["schedule"].starts,
        now=now,
    )
    return touched == 1


async def _unschedule(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> bool:
    touched = await run(
        conn,
        """
        UPDATE campaigns
           SET status = previous_status, previous_status = NULL, scheduled_at = NULL, updated_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = ANY(:starts)""",
        account_id=account_id,
        campaign_id=campaign_id,
        starts=RULES["unschedule"].starts,
        now=now,
    )
    return touched == 1


async def _start(conn: Conn, account_id: AccountId, campaign_id: CampaignId, now: datetime) -> bool:
    # Comparing the date keeps a job that outlived its schedule from starting the next schedule early.
    touched = await run(
        conn,
        """
        UPDATE campaigns
           SET status = 'EXECUTING', updated_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND status = ANY(:starts)
           AND scheduled_at <= :now""",
        account_id=account_id,
        campaign_id=campaign_id,
        starts=RULES["start"].starts,
        now=now,
    )
    return touched == 1
