"""Mails that go by themselves: a welcome for each list that has one, birthdays and anniversaries.

Rules: a list has at most one welcome; birthday and anniversary mails go on the day or up to 14 days before. What may
stand in an email may stand in these, and their senders must be confirmed. A change counts for those who get the mail
after it. A list's welcome that is deleted and made again is the same one: who got it before does not get it again.
Who gets one and when: `automation_runs`. Source: contract, campaigns.md §8; contacts.md §4.5.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta, Struct, structs

from everpost.campaigns import campaign_activities, content
from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId, ListId, new_id
from everpost.platform import clock, validation
from everpost.platform.db import Conn, Taken, many, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound, dotted

Kind: TypeAlias = Literal["welcome", "birthday", "anniversary"]

MOST_DAYS_BEFORE: Final = 14
_LINES: Final = ("from_name", "from_email", "reply_to_email", "subject", "preheader")


class NewAutomation(Struct, kw_only=True):
    """What to send, and on what occasion. `list_id` is for a welcome, `days_before` for the other two."""

    kind: Kind
    from_name: Annotated[str, Meta(max_length=100)]
    from_email: Annotated[str, Meta(max_length=80)]
    reply_to_email: Annotated[str, Meta(max_length=80)]
    subject: Annotated[str, Meta(max_length=200)]
    html_content: str
    preheader: Annotated[str, Meta(max_length=200)] = ""
    list_id: ListId | None = None
    days_before: Annotated[int, Meta(ge=0, le=MOST_DAYS_BEFORE)] = 0

    @property
    def content(self) -> Content:
        """What it says, for delivery to render."""
        return Content(html=self.html_content, subject=self.subject, preheader=self.preheader)


class Automation(NewAutomation, kw_only=True):
    """As it is stored; nothing is sent while it is off."""

    automation_id: UUID
    is_on: bool
    created_at: datetime
    updated_at: datetime

    def activity_of(self, year: int) -> CampaignActivityId:
        """Nobody gets an activity twice: a birthday or anniversary mail is another one each year."""
        return CampaignActivityId(uuid5(self.automation_id, str(year)))

    def activities(self, now: datetime) -> list[CampaignActivityId]:
        """All that it may have been sent as so far: a welcome is one activity for ever."""
        if self.kind == "welcome":
            return [CampaignActivityId(self.automation_id)]
        # In its last days a year may send what belongs to the next one.
        return [self.activity_of(year) for year in range(self.created_at.year, now.year + 2)]


class AutomationNotFound(NotFound):
    """There is no such automation."""


class ListHasWelcome(Conflict):
    """list_id already has a welcome mail."""


class WrongOccasion(Invalid):
    """list_id is for welcome mails, which need it, and days_before for the others."""


class UnknownList(Invalid):
    """list_id is not one of the lists."""


async def create(conn: Conn, account_id: AccountId, new: NewAutomation) -> Automation:
    """Switched off at first. Raises: Invalid, ListHasWelcome."""
    await _check(conn, account_id, new)
    now = clock.now()
    made = Automation(**structs.asdict(new), automation_id=_id_of(new), is_on=False, created_at=now, updated_at=now)
    try:
        async with savepoint(conn):
            await _insert(conn, account_id, made)
    except Taken as error:
        raise ListHasWelcome from error
    return made


async def replace(conn: Conn, account_id: AccountId, automation_id: UUID, new: NewAutomation) -> Automation:
    """Say something else from now on; kind and list stay as they are. Raises: AutomationNotFound, Invalid."""
    held = await hold(conn, account_id, automation_id)
    wanted = structs.replace(new, kind=held.kind, list_id=held.list_id)
    await _check(conn, account_id, wanted)
    changed = structs.replace(held, **structs.asdict(wanted), updated_at=clock.now())
    await _update(conn, account_id, changed)
    return changed


async def set_on(conn: Conn, account_id: AccountId, automation_id: UUID, *, is_on: bool) -> Automation:
    """Raises: AutomationNotFound, Invalid when what it says or its sender is not in order any more."""
    held = await hold(conn, account_id, automation_id)
    if is_on:
        await _check(conn, account_id, held)
    changed = structs.replace(held, is_on=is_on, updated_at=clock.now())
    await _update(conn, account_id, changed)
    return changed


async def delete(conn: Conn, account_id: AccountId, automation_id: UUID) -> None:
    """What was sent stays counted, and its links work. Raises: AutomationNotFound."""
    if not await run(
        conn,
        "DELETE FROM automations WHERE account_id = :account_id AND automation_id = :automation_id",
        account_id=account_id,
        automation_id=automation_id,
    ):
        raise AutomationNotFound


async def get(conn: Conn, account_id: AccountId, automation_id: UUID) -> Automation:
    """Raises: AutomationNotFound."""
    for found in await every_one(conn, account_id):
        if found.automation_id == automation_id:
            return found
    raise AutomationNotFound


async def hold(conn: Conn, account_id: AccountId, automation_id: UUID) -> Automation:
    """It, while nobody else changes it: each change writes all members. Raises: AutomationNotFound."""
    await run(
        conn,
        "SELECT 1 FROM automations WHERE account_id = :account_id AND automation_id = :automation_id FOR UPDATE",
        account_id=account_id,
        automation_id=automation_id,
    )
    return await get(conn, account_id, automation_id)


async def find_welcome(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> Automation | None:
    """The one to send to who joined these lists at once: that of the list whose name sorts first."""
    list_id = await one(
        conn,
        UUID,
        """
        SELECT list.list_id
          FROM automations AS automation
          JOIN contact_lists AS list
            ON list.account_id = automation.account_id AND list.list_id = automation.list_id
         WHERE automation.account_id = :account_id AND automation.is_on
           AND automation.list_id = ANY (:list_ids::uuid[])
           AND list.account_id = :account_id AND list.deleted_at IS NULL
         ORDER BY lower(list.name), list.list_id
         LIMIT 1""",
        account_id=account_id,
        list_ids=list_ids,
    )
    found = await every_one(conn, account_id) if list_id else []
    return next((each for each in found if each.list_id == list_id), None)


async def every_one(conn: Conn, account_id: AccountId) -> list[Automation]:
    """Of the account, oldest first: a handful."""
    return await many(
        conn,
        Automation,
        """
        SELECT automation_id, kind, is_on, list_id, days_before, from_name, from_email, reply_to_email, subject,
               preheader, html_content, created_at, updated_at
          FROM automations
         WHERE account_id = :account_id
         ORDER BY created_at, automation_id""",
        account_id=account_id,
    )


async def _check(conn: Conn, account_id: AccountId, wanted: NewAutomation) -> None:
    if unstorable := validation.control_characters(msgspec.to_builtins(wanted)):
        raise Invalid(*map(dotted, unstorable))
    is_welcome = wanted.kind == "welcome"
    if is_welcome != (wanted.list_id is not None) or (is_welcome and wanted.days_before):
        raise WrongOccasion
    if wanted.list_id is not None and not await _is_list(conn, account_id, wanted.list_id):
        raise UnknownList
    problems = [*_problems(wanted), *content.problems(wanted.html_content)]
    problems += await campaign_activities.sender_problems(conn, account_id, wanted.from_email, wanted.reply_to_email)
    if problems:
        raise Invalid(*dict.fromkeys(problems))


def _problems(wanted: NewAutomation) -> Iterator[str]:
    """Whoever asks, a page, a command or a program: the limits of the members, and lines that are one line each."""
    members = msgspec.to_builtins(wanted)
    for problem in validation.explain(members, NewAutomation):
        yield dotted(problem)
    for name in _LINES:
        if not members[name].strip() and name != "preheader":
            yield f"{name} must not be empty."
        elif "\r" in members[name] or "\n" in members[name]:
            yield f"{name} does not have a valid value"


def _id_of(new: NewAutomation) -> UUID:
    return new_id() if new.list_id is None else uuid5(new.list_id, new.kind)


async def _is_list(conn: Conn, account_id: AccountId, list_id: ListId) -> bool:
    found = await one(
        conn,
        UUID,
        """
        SELECT list_id
          FROM contact_lists
         WHERE account_id = :account_id AND list_id = :list_id AND deleted_at IS NULL""",
        account_id=account_id,
        list_id=list_id,
    )
    return found is not None


async def _insert(conn: Conn, account_id: AccountId, made: Automation) -> None:
    await run(
        conn,
        """
        INSERT INTO automations (account_id, automation_id, kind, is_on, list_id, days_before, from_name, from_email,
                                 reply_to_email, subject, preheader, html_content, created_at, updated_at)
        VALUES (:account_id, :automation_id, :kind, :is_on, :list_id, :days_before, :from_name, :from_email,
                :reply_to_email, :subject, :preheader, :html_content, :created_at, :updated_at)""",
        account_id=account_id,
        **structs.asdict(made),
    )


async def _update(conn: Conn, account_id: AccountId, changed: Automation) -> None:
    members = structs.asdict(changed)
    for name in ("kind", "list_id", "created_at"):
        del members[name]
    await run(
        conn,
        """
        UPDATE automations
           SET is_on = :is_on, days_before = :days_before, from_name = :from_name, from_email = :from_email,
               reply_to_email = :reply_to_email, subject = :subject, preheader = :preheader,
               html_content = :html_content, updated_at = :updated_at
         WHERE account_id = :account_id AND automation_id = :automation_id""",
        account_id=account_id,
        **members,
    )
