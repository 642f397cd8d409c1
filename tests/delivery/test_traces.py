"""Why somebody did or did not get a mailing."""

from datetime import timedelta
from typing import Any

import pytest

from everpost.contacts import deletions, opt_outs
from everpost.delivery import holds, interruptions, outbox, shifts, slots, traces
from everpost.delivery.interruptions import NoMailing
from everpost.delivery.slots import Cap
from everpost.delivery.traces import NoContact
from everpost.ids import CampaignActivityId, ContactId, MailingId, new_id
from everpost.platform import config
from tests.delivery.conftest import Sending, Work
from tests.delivery.smtp_servers import ScriptedServer

SAID = {
    "full@example.com": "552 5.2.2 over quota",
    "later@example.com": "450 4.2.0 greylisted",
}


async def test_every_contact_can_be_told_what_became_of_its_mail(sending: Sending, work: Work, clock: Any) -> None:
    addresses = ["sent", "full", "later", "lost", "held", "left", "angry"]
    ids = {name: await sending.contact(f"{name}@example.com") for name in addresses}
    for name, permission in (("gone", "unsubscribed"), ("waits", "pending_confirmation"), ("none", "not_set")):
        ids[name] = await sending.contact(f"{name}@example.com", permission=permission, list_ids=[])
    ids["elsewhere"] = await sending.contact("elsewhere@example.com", list_ids=[])

    def answer(verb: str, line: str) -> str | None:
        if verb == "TEXT" and line.startswith("lost@"):
            return ScriptedServer.CLOSE
        return next((said for address, said in SAID.items() if verb == "RCPT" and address in line), None)

    async with ScriptedServer(answer).running() as server:
        config.override(smtp_url=f"smtp://127.0.0.1:{server.port}", smtp_connections=1)
        new, _ = await sending.open()
        async with sending.db.transaction() as conn:
            await opt_outs.opt_out(conn, sending.account_id, ids["left"], source="Contact")
            await holds.note_unknown(conn, ["held@example.com"], now=clock.now())
            await holds.note_complaint(conn, sending.account_id, "angry@example.com", now=clock.now())
        await work()

    async def told(contact_id: ContactId) -> tuple[str, str | None, str]:
        async with sending.db.reader() as conn:
            trace = await traces.find(conn, sending.account_id, new.mailing_id, contact_id)
        return trace.status, trace.reason, trace.sentence

    at, later = clock.now(), clock.now() + timedelta(minutes=5)
    expected = {
        "sent": ("sent", None, f"Accepted by the mail server at {at:%Y-%m-%d %H:%M:%S} UTC."),
        "full": ("bounced", None, "Bounced (F): 552 5.2.2 over quota"),
        "later": ("waiting", "retry", f"Tried once, again at {later:%Y-%m-%d %H:%M:%S} UTC: 450 4.2.0 greylisted"),
        "held": (
            "bounced",
            "on_hold",
            "Not sent: the address is on hold, because servers said that it does not exist.",
        ),
        "left": ("suppressed", "unsubscribed", "Not sent: the contact is unsubscribed."),
        "angry": ("suppressed", "complained", "Not sent: the contact called an earlier mail spam."),
        "gone": ("no_recipient", "unsubscribed", "Not a recipient: the contact is unsubscribed."),
        "waits": ("no_recipient", "pending", "Not a recipient: the contact has not confirmed yet."),
        "none": ("no_recipient", "not_mailable", "Not a recipient: the contact gave no permission to send."),
        "elsewhere": ("no_recipient", None, "Not a recipient: not in the audience when the send began."),
    }
    assert expected == {name: await told(ids[name]) for name in expected}
    assert "unknown" == (await told(ids["lost"]))[0]
    with pytest.raises(NoContact):
        await told(ContactId(new_id()))
    await page_by_page(sending, new.mailing_id)
    async with sending.db.reader() as conn:
        unknown = await traces.page(conn, sending.account_id, new.mailing_id, after=None, limit=9, status="unknown")
    assert [ids["lost"]] == [each.contact_id for each in unknown]
    # What is told stays true of those who are deleted later.
    async with sending.db.transaction() as conn:
        await deletions.delete(conn, sending.account_id, list(ids.values()), now=clock.now())
    deleted = ("no_recipient", "deleted", "Not a recipient: the contact was deleted.")
    expected |= dict.fromkeys(("gone", "waits", "none", "elsewhere"), deleted)
    assert expected == {name: await told(ids[name]) for name in expected}


async def page_by_page(sending: Sending, mailing_id: MailingId) -> None:
    found: list[traces.Trace] = []
    async with sending.db.reader() as conn:
        while page := await traces.page(
            conn, sending.account_id, mailing_id, after=found[-1].contact_id if found else None, limit=3
        ):
            found += page
    assert sorted(each.contact_id for each in found) == [each.contact_id for each in found]
    assert ["bounced", "bounced", "sent", "suppressed", "suppressed", "unknown", "waiting"] == sorted(
        each.status for each in found
    )


async def test_who_got_the_same_email_before_is_a_duplicate(sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com")
    activity_id = CampaignActivityId(new_id())
    first, _ = await sending.open(activity_id=activity_id)
    await work()
    await sending.contact("bob@example.com")
    second, _ = await sending.open(activity_id=activity_id)
    async with sending.db.reader() as conn:
        trace = await traces.find(conn, sending.account_id, second.mailing_id, contact_id)
        with pytest.raises(NoMailing):
            await traces.find(conn, sending.account_id, MailingId(new_id()), contact_id)
    assert ("duplicate", str(first.mailing_id)) == (trace.status, trace.reason)


async def test_who_waits_and_who_was_cancelled(sending: Sending, work: Work) -> None:
    contact_id = await sending.contact("ann@example.com")
    new, _ = await sending.open()
    seen = []
    async with sending.db.transaction() as conn:
        seen.append((await traces.find(conn, sending.account_id, new.mailing_id, contact_id)).sentence)
        await interruptions.pause(conn, sending.account_id, new.mailing_id)
        seen.append((await traces.find(conn, sending.account_id, new.mailing_id, contact_id)).sentence)
        await outbox.cancel(conn, sending.account_id, new.mailing_id)
    await work()
    async with sending.db.reader() as conn:
        seen.append((await traces.find(conn, sending.account_id, new.mailing_id, contact_id)).sentence)
    assert seen[0].startswith("Waiting for its turn, at ")
    assert "Waiting for its turn: the send is paused." == seen[1]
    assert "Not sent: the send was cancelled." == seen[2]


@pytest.mark.parametrize("limit", ["account_per_minute", "domain_per_minute", "account_connections"])
async def test_who_is_held_back_by_a_limit_hears_so(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(shifts, "_SLOT_SECONDS", 0)
    ids = await sending.contacts(2)
    if limit == "account_connections":
        async with sending.db.transaction() as conn:
            await slots.take(conn, new_id(), [Cap(f"account:{sending.account_id}", 1)], now=clock.now())
    config.override(**{limit: 1 if limit == "account_connections" else 12})
    new, _ = await sending.open()
    await work()
    async with sending.db.reader() as conn:
        found = [await traces.find(conn, sending.account_id, new.mailing_id, contact_id) for contact_id in ids]
    waiting = [each for each in found if each.status == "waiting"]
    assert {"throttled"} == {each.reason for each in waiting}
    assert waiting[0].at is not None
    assert waiting[0].at > clock.now()
    assert waiting[0].sentence.endswith(
        "UTC or later: limits of sending, or a relay that does not answer, hold it back."
    )
