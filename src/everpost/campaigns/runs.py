"""One run of an activity: what is sent is checked and frozen, who gets it is added, and the outbox takes over.

Rules: what cannot be sent any more hands over nothing, and the history shows why; the public web copy follows what was
sent last. Source: contract, campaigns.md §3.14, §5.1, §5.2.
"""

from msgspec import structs

from everpost.campaigns import campaign_activities, click_lists, content, journals, web_copies
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.send_history import (
    ACCOUNT_MAY_NOT_SEND,
    FAILED,
    LINK_TOO_LONG,
    NOBODY,
    SENDER_NOT_CONFIRMED,
    SENDER_NOT_SIGNED,
    STAGING,
    TOO_MANY_RECIPIENTS,
    UNDER_REVIEW,
    Run,
)
from everpost.contacts.segment_members import Members
from everpost.delivery import mailings, outbox, permissions, recipients
from everpost.delivery.mailings import NewMailing
from everpost.delivery.open_elements import TooComplex
from everpost.delivery.render import Content, LinkTooLong, MailTooLarge
from everpost.delivery.signing import NoKey
from everpost.ids import AccountId, MailingId
from everpost.platform.db import Conn, one


class NotSent(Exception):
    """The run hands over nothing; the reason is what the send history will show."""

    def __init__(self, reason_code: int) -> None:
        self.reason_code = reason_code
        super().__init__(reason_code)


async def hand_over(conn: Conn, account_id: AccountId, stored: Stored, run: Run, members: Members) -> int:
    """Freeze content and recipients and let the outbox begin; returns how many get it. Raises: NotSent."""
    await open_mailing(conn, account_id, stored, run.mailing_id)
    count = await recipients.add(conn, account_id, run.mailing_id, members)
    await check_size(conn, account_id, count)
    await outbox.release(conn, account_id, run.mailing_id)
    return count


async def open_mailing(
    conn: Conn,
    account_id: AccountId,
    stored: Stored,
    mailing_id: MailingId,
    *,
    subject: str | None = None,
    together_with: MailingId | None = None,
) -> None:
    """Freeze what is said, with this subject or the activity's own. Raises: NotSent."""
    await check(conn, account_id, stored)
    written = await campaign_activities.written(conn, account_id, stored)
    if content.problems(written.html):
        raise NotSent(FAILED)
    said = written if subject is None else structs.replace(written, subject=subject)
    new = _mailing(stored, mailing_id, said, together_with)
    try:
        await mailings.open_for(conn, account_id, new)
    except LinkTooLong as error:
        raise NotSent(LINK_TOO_LONG) from error
    except (MailTooLarge, TooComplex) as error:
        raise NotSent(FAILED) from error
    except NoKey as error:
        raise NotSent(SENDER_NOT_SIGNED) from error
    await click_lists.apply(conn, account_id, stored.campaign_id, stored.campaign_activity_id)


async def publish(conn: Conn, account_id: AccountId, stored: Stored) -> None:
    """Show what was sent in the web copy, and copy it to whoever keeps the account's records."""
    await web_copies.replace(conn, account_id, stored, await campaign_activities.written(conn, account_id, stored))
    await journals.send(conn, account_id, stored)


async def may_send(conn: Conn, account_id: AccountId) -> bool:
    """Whether the account is open and the operator holds nothing back."""
    return await _obstacle(conn, account_id) is None


async def check(conn: Conn, account_id: AccountId, stored: Stored) -> None:
    """Whether it may go out now, whatever was true when it was scheduled. Raises: NotSent."""
    if (reason_code := await _obstacle(conn, account_id)) is not None:
        raise NotSent(reason_code)
    if await campaign_activities.sender_problems(conn, account_id, stored.from_email, stored.reply_to_email):
        raise NotSent(SENDER_NOT_CONFIRMED)
    if await campaign_activities.footer_address(conn, account_id, stored) is None:
        raise NotSent(FAILED)


async def check_size(conn: Conn, account_id: AccountId, count: int) -> None:
    """Whether a run may go to so many. Raises: NotSent."""
    if count == 0:
        raise NotSent(NOBODY)
    most = (await permissions.find(conn, account_id)).most_recipients
    if most is not None and count > most:
        raise NotSent(TOO_MANY_RECIPIENTS)


async def _obstacle(conn: Conn, account_id: AccountId) -> int | None:
    """The reason code of what keeps an account from sending anything."""
    status = await one(
        conn, str, "SELECT status FROM account_directory WHERE account_id = :account_id", account_id=account_id
    )
    if status != "active":
        return ACCOUNT_MAY_NOT_SEND
    said = await permissions.find(conn, account_id)
    if said.is_under_review:
        return UNDER_REVIEW
    return STAGING if said.is_staging else None


def _mailing(stored: Stored, mailing_id: MailingId, written: Content, together_with: MailingId | None) -> NewMailing:
    return NewMailing(
        mailing_id=mailing_id,
        campaign_activity_id=stored.campaign_activity_id,
        campaign_id=stored.campaign_id,
        from_name=stored.from_name,
        from_email=stored.from_email,
        reply_to_email=stored.reply_to_email,
        content=written,
        address=campaign_activities.own_address(stored),
        together_with=together_with,
    )
