"""A mail that is not for a contact: a proof before everybody gets it, a copy for the records or for a friend.

Rules: nothing is tracked, and the links of the footer lead to a page that says so; a friend's copy has none. Contact
tags stay as they were written in a proof and show their fallback in a copy. It is sent at least once, always with the
same Message-ID.

Source: contract, campaigns §3.12, §5.2.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from everpost.delivery import mailings, merge_fields, organisations, signing, submission
from everpost.delivery.footer import PostalAddress
from everpost.delivery.merge_fields import RECIPIENT
from everpost.delivery.message import Composer, Letterhead, Message
from everpost.delivery.outcomes import delay
from everpost.delivery.render import Content, render
from everpost.delivery.smtp import ConnectionFailed, Outcome, Verdict
from everpost.delivery.tags import Vocabulary
from everpost.ids import AccountId, new_id
from everpost.platform import clock, config, logs
from everpost.platform.db import Conn, Db, one, run
from everpost.platform.jobs import job

# The token in the footer of a test: see public.
TEST_TOKEN: Final = "test"
_TRIED_FOR: Final = timedelta(hours=4)

log = logs.get(__name__)


class TestMessage(Struct, frozen=True, kw_only=True):
    """What to prove. `content.personal_message` stands above the body."""

    from_name: str
    from_email: str
    reply_to_email: str
    content: Content
    address: PostalAddress | None = None  # in the footer; None takes the account's
    is_journal: bool = False  # a copy of what everybody got
    forwarded_by: str = ""  # a recipient, who sends this copy to a friend


async def send(conn: Conn, account_id: AccountId, new: TestMessage, addresses: Sequence[str]) -> None:
    """Send one message to each address, when and if the caller's transaction commits."""
    organisation = await organisations.get(conn, account_id)
    own_page = "#" if new.forwarded_by else f"{config.current().origin}/u/{TEST_TOKEN}"
    pages = dict.fromkeys(("unsubscribe", "updatelink", "viewaswebpage", "$forward"), own_page)
    known = await merge_fields.names(conn, account_id) if new.is_journal else frozenset([RECIPIENT])
    vocabulary = Vocabulary({**organisation.constants, **pages}, known)
    footer = structs.replace(
        mailings.footer_of(organisation, new.from_email, new.address),
        has_unsubscribe_link=not new.forwarded_by,
        forwarded_by=new.forwarded_by,
    )
    rendered = render(new.content, vocabulary, footer, is_tracked=False)
    sender = await _sender(conn, account_id, new)
    composer = Composer(_letterhead(new, sender), rendered, await signing.signers(conn, account_id, sender))
    for address in addresses:
        message_id = new_id()
        message = composer.compose(message_id, {RECIPIENT: address}, message_id=str(message_id), at=clock.now())
        await _insert(conn, account_id, message_id, message, clock.now())
        await submit.later(conn, account_id=account_id, message_id=message_id)


@job("test_messages.submit")
async def submit(db: Db, account_id: AccountId, message_id: UUID) -> None:
    """Hand one over. A second run finds nothing left to do."""
    async with db.reader() as conn:
        waiting = await _find(conn, account_id, message_id)
    if waiting is None:
        return
    outcomes: list[Outcome] = []
    message = Message(message_id, waiting.sender, waiting.recipient, waiting.content)
    async with submission.carrier() as carrier:
        try:
            await carrier.carry(iter([message]), lambda _, outcome: outcomes.append(outcome))
        except ConnectionFailed as error:
            outcomes.append(error.outcome)
        async with db.transaction() as conn:
            if await _is_over(conn, account_id, message_id, waiting, outcomes[-1]):
                await carrier.keep(conn, account_id)


async def _is_over(conn: Conn, account_id: AccountId, message_id: UUID, waiting: "_Waiting", outcome: Outcome) -> bool:
    """Whether the message is done with, by this run; else it is tried again later."""
    next_at = clock.now() + delay(waiting.attempts + 1)
    if outcome.verdict in (Verdict.ACCEPTED, Verdict.PERMANENT) or next_at > waiting.created_at + _TRIED_FOR:
        if outcome.verdict is not Verdict.ACCEPTED:
            log.warning("test_messages.given_up", code=outcome.code, stage=outcome.stage.value)
        return bool(await _delete(conn, account_id, message_id))
    await _count_attempt(conn, account_id, message_id)
    await submit.later(conn, at=next_at, account_id=account_id, message_id=message_id)
    return False


async def _sender(conn: Conn, account_id: AccountId, new: TestMessage) -> str:
    try:
        return await signing.visible_sender(conn, account_id, new.from_email)
    except signing.NoKey:
        return new.from_email  # only campaigns must not leave unsigned


def _letterhead(new: TestMessage, sender: str) -> Letterhead:
    return Letterhead(
        from_name=new.from_name,
        from_email=sender,
        reply_to_email=new.reply_to_email,
        sending_domain=mailings.sending_domain(sender),
        is_test=not new.is_journal,
    )


class _Waiting(Struct, frozen=True):
    sender: bytes
    recipient: bytes
    content: bytes
    attempts: int
    created_at: datetime


async def _insert(conn: Conn, account_id: AccountId, message_id: UUID, message: Message, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO test_messages (account_id, message_id, sender, recipient, content, created_at)
        VALUES (:account_id, :message_id, :sender, :recipient, :content, :now)""",
        account_id=account_id,
        message_id=message_id,
        sender=message.sender,
        recipient=message.recipient,
        content=message.data,
        now=now,
    )


async def _find(conn: Conn, account_id: AccountId, message_id: UUID) -> _Waiting | None:
    return await one(
        conn,
        _Waiting,
        """
        SELECT sender, recipient, content, attempts, created_at
          FROM test_messages
         WHERE account_id = :account_id AND message_id = :message_id""",
        account_id=account_id,
        message_id=message_id,
    )


async def _count_attempt(conn: Conn, account_id: AccountId, message_id: UUID) -> None:
    await run(
        conn,
        """
        UPDATE test_messages SET attempts = attempts + 1
         WHERE account_id = :account_id AND message_id = :message_id""",
        account_id=account_id,
        message_id=message_id,
    )


async def _delete(conn: Conn, account_id: AccountId, message_id: UUID) -> int:
    return await run(
        conn,
        "DELETE FROM test_messages WHERE account_id = :account_id AND message_id = :message_id",
        account_id=account_id,
        message_id=message_id,
    )
