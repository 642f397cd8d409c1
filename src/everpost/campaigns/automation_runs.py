"""When automations send: a welcome when somebody joined a list, birthdays and anniversaries at nine in the morning.

    contact.joined_lists ──> welcome            switched on ──> celebrate ──> celebrate on the next day ──> ...

Rules: the outbox lets nobody get an activity twice, so a job that runs again sends nothing again. A welcome is one
activity, for the whole of a contact's life; birthdays and anniversaries are another one each year. Who was born on
29 February celebrates on the 28th in common years; an anniversary still to come is passed over. Days on which no
worker ran are made up for, three at most. What could not be sent now is not switched on. Eligibility, footer, headers,
tracking and bounces are those of every mailing.
Source: contract, campaigns.md §8.2, §8.3; contacts.md §4.5.
"""

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from everpost.accounts import addresses
from everpost.campaigns import automations, campaign_activities, runs
from everpost.campaigns.automations import Automation, AutomationNotFound
from everpost.campaigns.runs import NotSent
from everpost.campaigns.send_history import (
    ACCOUNT_MAY_NOT_SEND,
    FAILED,
    LINK_TOO_LONG,
    NOBODY,
    SENDER_NOT_CONFIRMED,
    SENDER_NOT_SIGNED,
)
from everpost.contacts.segment_members import Members
from everpost.contacts.welcomes import JOINED
from everpost.delivery import mailings, outbox, progress, recipients, signing
from everpost.delivery.mailings import NewMailing, Summary
from everpost.delivery.open_elements import TooComplex
from everpost.delivery.render import LinkTooLong, MailTooLarge
from everpost.delivery.signing import NoKey
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, ListId, MailingId, new_id
from everpost.platform import clock, logs
from everpost.platform.db import Conn, Db, one, savepoint
from everpost.platform.errors import Invalid
from everpost.platform.events import on
from everpost.platform.jobs import job

MORNING: Final = time(9)
DAYS_MADE_UP_FOR: Final = 3
# Those that a person can do something about before anybody misses the mail.
_OBSTACLES: Final[Mapping[int, str]] = {
    ACCOUNT_MAY_NOT_SEND: "The account may not send at present.",
    SENDER_NOT_CONFIRMED: "The sender or the address for answers is not a confirmed address of this account any more.",
    SENDER_NOT_SIGNED: "No key signs mail from the sender's domain.",
    FAILED: "The postal address of the organization is missing; every mail must show it.",
}

log: Final = logs.get(__name__)


class CannotBeSent(Invalid):
    """{obstacle}"""


async def switch(conn: Conn, account_id: AccountId, automation_id: UUID, *, is_on: bool) -> None:
    """On or off, from now on. Raises: AutomationNotFound, Invalid, CannotBeSent."""
    automation = await automations.set_on(conn, account_id, automation_id, is_on=is_on)
    if not is_on:
        return
    obstacle = await find_obstacle(conn, account_id, automation)
    if obstacle is not None:
        raise CannotBeSent(obstacle=obstacle)
    if automation.kind != "welcome":
        now = clock.now().astimezone(await _zone(conn, account_id))
        first = now.date() if now.time() <= MORNING else now.date() + timedelta(days=1)
        await _celebrate_on(conn, account_id, automation_id, first)


async def find_obstacle(conn: Conn, account_id: AccountId, automation: Automation) -> str | None:
    """Why it would not be sent if it were due now, in a sentence for people."""
    try:
        await _check(conn, account_id, automation)
    except NotSent as refusal:
        return _OBSTACLES[refusal.reason_code]
    return None


async def paused(conn: Conn, account_id: AccountId, automation: Automation) -> list[Summary]:
    """What of it rests, because of its bounces or because somebody said so, until a person decides."""
    under_way = await progress.unfinished(conn, account_id, automation.activities(clock.now()))
    return [each for each in under_way if each.state == "paused"]


async def resume(conn: Conn, account_id: AccountId, automation_id: UUID) -> None:
    """Go on with what rests. Raises: AutomationNotFound, UnderReview."""
    automation = await automations.get(conn, account_id, automation_id)
    for mailing in await paused(conn, account_id, automation):
        await outbox.resume(conn, account_id, mailing.mailing_id)


async def cancel(conn: Conn, account_id: AccountId, automation_id: UUID) -> None:
    """Whoever waits in what rests gets none this time. Raises: AutomationNotFound."""
    automation = await automations.get(conn, account_id, automation_id)
    for mailing in await paused(conn, account_id, automation):
        await outbox.cancel(conn, account_id, mailing.mailing_id)


@on(JOINED)
async def welcome(db: Db, account_id: AccountId, contact_id: ContactId, list_ids: list[ListId]) -> None:
    """Send the welcome of the lists that somebody joined, unless they got it before."""
    async with db.transaction() as conn:
        automation = await automations.find_welcome(conn, account_id, list_ids)
        if automation is not None:
            await _send(conn, account_id, automation, CampaignActivityId(automation.automation_id), _only(contact_id))


@job("automations.celebrate")
async def celebrate(db: Db, account_id: AccountId, automation_id: UUID, day: date) -> None:
    """Send to whose day it is, or will be in so many days; and look again tomorrow."""
    async with db.transaction() as conn:
        automation = await _find_on(conn, account_id, automation_id)
        if automation is None:
            return
        if clock.now() < await _morning_of(conn, account_id, day):
            # The account has moved to a later time zone since this was planned.
            await _celebrate_on(conn, account_id, automation_id, day)
            return
        # First of all: what goes wrong today must not be the end of it.
        await _celebrate_on(conn, account_id, automation_id, await _day_after(conn, account_id, day))
    async with db.transaction() as conn:
        celebrated = day + timedelta(days=automation.days_before)
        activity_id = automation.activity_of(celebrated.year)
        await _send(conn, account_id, automation, activity_id, _celebrating(automation, celebrated, today=day))


def _only(contact_id: ContactId) -> Members:
    return Members(
        "SELECT contact_id FROM contacts WHERE account_id = :account_id AND contact_id = :welcomed",
        {"welcomed": contact_id},
    )


def _celebrating(automation: Automation, celebrated: date, *, today: date) -> Members:
    has_no_29th = (celebrated.month, celebrated.day) == (2, 28) and not calendar.isleap(celebrated.year)
    values = {"month": celebrated.month, "days": [28, 29] if has_no_29th else [celebrated.day]}
    if automation.kind == "birthday":
        return Members(
            """
            SELECT contact_id
              FROM contacts
             WHERE account_id = :account_id AND birthday_month = :month AND birthday_day = ANY (:days::int[])""",
            values,
        )
    return Members(
        """
        SELECT contact_id
          FROM contacts
         WHERE account_id = :account_id AND anniversary <= :today
           AND extract(month FROM anniversary) = :month AND extract(day FROM anniversary) = ANY (:days::int[])""",
        {**values, "today": today},
    )


async def _send(
    conn: Conn, account_id: AccountId, automation: Automation, activity_id: CampaignActivityId, members: Members
) -> None:
    """Hand over to the outbox; what cannot be sent is told in the log."""
    try:
        async with savepoint(conn):
            count = await _hand_over(conn, account_id, automation, activity_id, members)
    except NotSent as refusal:
        if refusal.reason_code != NOBODY:
            log.warning("automation.not_sent", **_named(account_id, automation), reason_code=refusal.reason_code)
        return
    log.info("automation.sent", **_named(account_id, automation), count=count)


async def _hand_over(
    conn: Conn, account_id: AccountId, automation: Automation, activity_id: CampaignActivityId, members: Members
) -> int:
    """Raises: NotSent."""
    await _check(conn, account_id, automation)
    mailing = _mailing(automation, activity_id)
    try:
        await mailings.open_for(conn, account_id, mailing)
    except LinkTooLong as error:
        raise NotSent(LINK_TOO_LONG) from error
    except (MailTooLarge, TooComplex) as error:
        raise NotSent(FAILED) from error
    count = await recipients.add(conn, account_id, mailing.mailing_id, members)
    await runs.check_size(conn, account_id, count)
    await outbox.release(conn, account_id, mailing.mailing_id)
    return count


async def _check(conn: Conn, account_id: AccountId, automation: Automation) -> None:
    if not await runs.may_send(conn, account_id):
        raise NotSent(ACCOUNT_MAY_NOT_SEND)
    senders = automation.from_email, automation.reply_to_email
    if await campaign_activities.sender_problems(conn, account_id, *senders):
        raise NotSent(SENDER_NOT_CONFIRMED)
    if await addresses.find(conn, account_id) is None:
        raise NotSent(FAILED)
    try:
        await signing.visible_sender(conn, account_id, automation.from_email)
    except NoKey as error:
        raise NotSent(SENDER_NOT_SIGNED) from error


def _mailing(automation: Automation, activity_id: CampaignActivityId) -> NewMailing:
    return NewMailing(
        mailing_id=MailingId(new_id()),
        campaign_activity_id=activity_id,
        campaign_id=CampaignId(automation.automation_id),
        from_name=automation.from_name,
        from_email=automation.from_email,
        reply_to_email=automation.reply_to_email,
        content=automation.content,
        is_automatic=True,
    )


async def _find_on(conn: Conn, account_id: AccountId, automation_id: UUID) -> Automation | None:
    try:
        automation = await automations.get(conn, account_id, automation_id)
    except AutomationNotFound:
        return None
    return automation if automation.is_on else None


async def _day_after(conn: Conn, account_id: AccountId, day: date) -> date:
    today = clock.now().astimezone(await _zone(conn, account_id)).date()
    return max(day + timedelta(days=1), today - timedelta(days=DAYS_MADE_UP_FOR - 1))


async def _celebrate_on(conn: Conn, account_id: AccountId, automation_id: UUID, day: date) -> None:
    """Once for each morning, even of an automation that is switched off and on again."""
    at = await _morning_of(conn, account_id, day)
    # By the moment, not by the day: a job that runs too early plans itself anew for the same day.
    key = f"automations.celebrate:{automation_id}:{at.astimezone(UTC):%Y-%m-%dT%H:%M}"
    await celebrate.later(conn, at=at, only_once=key, account_id=account_id, automation_id=automation_id, day=day)


async def _morning_of(conn: Conn, account_id: AccountId, day: date) -> datetime:
    return datetime.combine(day, MORNING, await _zone(conn, account_id))


async def _zone(conn: Conn, account_id: AccountId) -> ZoneInfo:
    name = await one(
        conn, str, "SELECT time_zone_id FROM accounts WHERE account_id = :account_id", account_id=account_id
    )
    return ZoneInfo(name or "UTC")


def _named(account_id: AccountId, automation: Automation) -> dict[str, str]:
    return {
        "account_id": str(account_id),
        "automation_id": str(automation.automation_id),
        "automation": automation.kind,
    }
