"""What a notice does: bounces, complaints and unsubscribing mails, whichever way they come in.

Rules: a return path says which message a mail to it is about, and one that we did not sign says nothing, whatever the
mail holds; of mail to other addresses, such as the one for complaints, the content says it. Nothing is answered. Each
notice is one transaction, and the same one twice changes nothing: there is one bounce and one complaint per contact and
activity. A bounce B puts the address on hold; a complaint unsubscribes, and keeps the account from mailing that address
again, but is no opt-out in the reports.
Source: contract, campaigns §5.5, §5.6, §5.7, §7.2.
"""

import asyncio
from typing import Final, assert_never

from everpost.contacts import opt_outs, stored
from everpost.delivery import holds, inbound_references, notices, return_paths
from everpost.delivery.notices import Notice
from everpost.platform import clock, config, logs
from everpost.platform.db import Conn, Db, one
from everpost.tracking import counters, events
from everpost.tracking.events import Bounce
from everpost.tracking.tokens import Reference

# Where mailbox providers are asked to send complaints to.
COMPLAINTS: Final = "fbl"
_REASON: Final = "Marked as spam"
# Above this share of a mailing's recipients, mailbox providers begin to refuse mail. Source: contract, campaigns §5.7.
_TOLERATED_COMPLAINTS: Final = 0.001

log = logs.get(__name__)


def is_expected(recipient: str) -> bool:
    """Whether mail to this address may be for us. Forged ones are taken too: a refusal would tell which are real."""
    local_part, _, domain = recipient.strip("<>").rpartition("@")
    ours = config.current().bounce_domain
    if ours is not None and domain.lower() != ours.lower():
        return False
    return return_paths.is_one(local_part) or local_part.lower() == COMPLAINTS


async def receive(db: Db, recipient: str, source: bytes, *, sender: str | None = None) -> None:
    """Do what a mail asks for; when this returns, it is committed."""
    local_part = recipient.strip("<>").rpartition("@")[0]
    return_path = return_paths.read(local_part)
    if return_path is None and return_paths.is_one(local_part):
        return
    notice = await asyncio.to_thread(notices.read, source, sender=sender)
    if return_path is None:
        if notice is not None:
            await apply(db, notice)
        return
    if return_path.kind == "u" and (notice is None or notice.bounce_code == "V"):
        # Whatever people or their programs write to it, in whatever way.
        notice = Notice("opt_out", "")
    if notice is None:
        return
    async with db.transaction() as conn:
        reference = await inbound_references.resolve(conn, return_path)
        if reference is not None:
            await _act(conn, reference, notice)


async def apply(db: Db, notice: Notice) -> None:
    """Do what a notice asks for whose message is found by what it holds of it."""
    async with db.transaction() as conn:
        reference = await inbound_references.find(conn, notice)
        if reference is not None:
            await _act(conn, reference, notice)


async def _act(conn: Conn, reference: Reference, notice: Notice) -> None:
    match notice.kind:
        case "bounce":
            await _bounce(conn, reference, notice)
        case "complaint":
            await _complain(conn, reference)
        case "opt_out":
            await _leave(conn, reference)
        case _:
            assert_never(notice.kind)


async def _bounce(conn: Conn, reference: Reference, notice: Notice) -> None:
    assert notice.bounce_code is not None
    now = clock.now()
    bounce = Bounce(reference.campaign_activity_id, reference.contact_id, now, notice.bounce_code)
    is_new = await events.append_bounces(conn, reference.account_id, [bounce]) > 0
    if is_new and notice.bounce_code == "B" and (address := await _address(conn, reference)) is not None:
        await holds.note_unknown(conn, [address], now=now)


async def _complain(conn: Conn, reference: Reference) -> None:
    account_id, activity_id, contact_id = reference.account_id, reference.campaign_activity_id, reference.contact_id
    now = clock.now()
    # Who came back after a complaint is not unsubscribed by the same one again. The lock keeps two of them apart.
    await stored.lock(conn, account_id, contact_id)
    if await events.has_complained(conn, account_id, activity_id, contact_id):
        return
    await opt_outs.opt_out(conn, account_id, contact_id, source="Contact", reason=_REASON)
    if (address := await _address(conn, reference)) is not None:
        await holds.note_complaint(conn, account_id, address, now=now)
    # The counter last, as everybody does: whoever held it and waited for something else would hold everybody up.
    await events.append_complaint(conn, account_id, activity_id, contact_id, at=now)
    await _warn(conn, reference)


async def _leave(conn: Conn, reference: Reference) -> None:
    account_id, activity_id, contact_id = reference.account_id, reference.campaign_activity_id, reference.contact_id
    await opt_outs.opt_out(conn, account_id, contact_id, source="Contact")
    await events.append_opt_out(conn, account_id, activity_id, contact_id, at=clock.now())


async def _warn(conn: Conn, reference: Reference) -> None:
    """Tell the operator when too many recipients of a mailing complain."""
    activity_id = reference.campaign_activity_id
    counted = (await counters.find(conn, reference.account_id, [activity_id])).get(activity_id)
    if counted is not None and counted.abuse > counted.sends * _TOLERATED_COMPLAINTS:
        log.warning(
            "many recipients complain",
            account_id=str(reference.account_id), campaign_activity_id=str(activity_id),
            complaints=counted.abuse, sends=counted.sends,
        )  # fmt: skip


async def _address(conn: Conn, reference: Reference) -> str | None:
    """The address that the message went to; the contact's own while the ledger does not know of the send yet."""
    return await one(
        conn,
        str,
        """
        SELECT email_address FROM sends
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id AND contact_id = :contact_id
         UNION ALL
        SELECT email_address FROM contacts
         WHERE account_id = :account_id AND contact_id = :contact_id AND email_address IS NOT NULL
         LIMIT 1""",
        account_id=reference.account_id,
        campaign_activity_id=reference.campaign_activity_id,
        contact_id=reference.contact_id,
    )
