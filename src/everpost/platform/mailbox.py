"""The built-in mailbox: where mail ends while no relay is configured, so that a fresh instance can be tried at once.

It holds whole messages as they would have left, newest first, and forgets the oldest: `mailbox_keep` of them stay.

Rules: `account_id` says whose mail it is; None is mail of the instance itself. In the functions that read or delete, an
`account_id` of None means every mail, which only the operator may see (who that is, the portal's doors decide).
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from everpost.ids import AccountId, new_id
from everpost.platform import clock, config
from everpost.platform.db import Conn, copy_in, many, one, run

PAGE_SIZE = 50


class NewMail(msgspec.Struct, frozen=True):
    """A message on its way into the mailbox; `content` is all of it, as it would go over SMTP."""

    account_id: AccountId | None
    sender: str
    recipient: str
    subject: str
    content: bytes


class MailSummary(msgspec.Struct, frozen=True):
    mail_id: UUID
    sender: str
    recipient: str
    subject: str
    received_at: datetime
    size_bytes: int


class Mail(msgspec.Struct, frozen=True):
    mail_id: UUID
    sender: str
    recipient: str
    subject: str
    received_at: datetime
    content: bytes


class MailPage(msgspec.Struct, frozen=True):
    """One page of the list; `number` counts from 1, `total` is how many mails match in all."""

    mails: list[MailSummary]
    number: int
    total: int

    @property
    def last_number(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


async def append(conn: Conn, mails: Iterable[NewMail]) -> None:
    """Put mails in, thousands at once, and forget the oldest beyond `mailbox_keep`."""
    now = clock.now()
    records = [
        (new_id(), mail.account_id, mail.sender, mail.recipient, mail.subject, now, len(mail.content), mail.content)
        for mail in mails
    ]
    await copy_in(conn, "mailbox_messages", columns=_COLUMNS, records=records)
    await _forget_oldest(conn, config.current().mailbox_keep)


async def page(conn: Conn, account_id: AccountId | None, *, search: str = "", number: int = 1) -> MailPage:
    """The mails whose recipient, sender or subject contains `search`, newest first."""
    pattern = f"%{_escaped(search.strip())}%"
    total = await _count(conn, account_id, pattern)
    empty = MailPage([], 1, total)
    number = min(max(number, 1), empty.last_number)
    return MailPage(await _summaries(conn, account_id, pattern, (number - 1) * PAGE_SIZE), number, total)


async def find(conn: Conn, account_id: AccountId | None, mail_id: UUID) -> Mail | None:
    return await one(
        conn,
        Mail,
        """
        SELECT mail_id, sender, recipient, subject, received_at, content
          FROM mailbox_messages
         WHERE mail_id = :mail_id AND (:account_id::uuid IS NULL OR account_id = :account_id)""",
        mail_id=mail_id,
        account_id=account_id,
    )


async def delete_all(conn: Conn, account_id: AccountId | None) -> int:
    """Empty the mailbox, or an account's part of it."""
    return await run(
        conn,
        "DELETE FROM mailbox_messages WHERE :account_id::uuid IS NULL OR account_id = :account_id",
        account_id=account_id,
    )


def _escaped(search: str) -> str:
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_COLUMNS = ("mail_id", "account_id", "sender", "recipient", "subject", "received_at", "size_bytes", "content")


async def _forget_oldest(conn: Conn, keep: int) -> None:
    # SKIP LOCKED: two workers that append at once would otherwise wait for each other's deletions.
    await run(
        conn,
        """
        DELETE FROM mailbox_messages
         WHERE number IN (SELECT number
                            FROM mailbox_messages
                           WHERE number <= (SELECT max(number) FROM mailbox_messages) - :keep
                             FOR UPDATE SKIP LOCKED)""",
        keep=keep,
    )


async def _count(conn: Conn, account_id: AccountId | None, pattern: str) -> int:
    count = await one(
        conn,
        int,
        """
        SELECT count(*)
          FROM mailbox_messages
         WHERE (:account_id::uuid IS NULL OR account_id = :account_id)
           AND (recipient ILIKE :pattern OR sender ILIKE :pattern OR subject ILIKE :pattern)""",
        account_id=account_id,
        pattern=pattern,
    )
    return count or 0


async def _summaries(conn: Conn, account_id: AccountId | None, pattern: str, offset: int) -> list[MailSummary]:
    # An offset is fine here: the mailbox is bounded, and people page through it by hand.
    return await many(
        conn,
        MailSummary,
        """
        SELECT mail_id, sender, recipient, subject, received_at, size_bytes
          FROM mailbox_messages
         WHERE (:account_id::uuid IS NULL OR account_id = :account_id)
           AND (recipient ILIKE :pattern OR sender ILIKE :pattern OR subject ILIKE :pattern)
         ORDER BY number DESC
         LIMIT :page_size OFFSET :offset""",
        account_id=account_id,
        pattern=pattern,
        page_size=PAGE_SIZE,
        offset=offset,
    )
