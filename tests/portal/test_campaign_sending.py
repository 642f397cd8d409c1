"""Sending a campaign from the browser, stopping it on its way, and asking why somebody got it or did not."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from everpost.campaigns import schedules, sending
from everpost.delivery import brakes, permissions, throttles
from everpost.delivery.permissions import Permissions
from everpost.ids import CampaignId
from everpost.platform import clock as platform_clock
from everpost.platform import config
from everpost.platform.db import run
from tests.portal.test_campaign_making import choose_list, make, new_contact  # noqa: F401  (a fixture)
from tests.portal.window import Window


@pytest.fixture
async def place(owner: Window, account: Any, new_contact: Any) -> str:  # noqa: F811
    """Where a campaign is that goes to four people."""
    for name in ("ann", "bob", "cleo"):
        await new_contact(f"{name}@reader.example")
    made = await make(owner)
    await choose_list(owner, made, account.list_id)
    return made


@pytest.fixture
def hand_over(db: Any, account: Any) -> Callable[[str], Awaitable[None]]:
    """The run of a campaign that is due; the outbox has not begun."""

    async def begin(place: str) -> None:
        await sending.send(db, account.account_id, CampaignId(UUID(place.rpartition("/")[2])))

    return begin


def counts(window: Window) -> dict[str, str]:
    return {node.css("dt")[0].text(): node.css("dd")[0].text() for node in window.document.css(".counts > div")}


async def test_sending_asks_once_with_the_number_and_happens_once(
    owner: Window, place: str, work: Any, mailbox: Any, new_contact: Any  # noqa: F811
) -> None:  # fmt: skip
    await owner.open(f"{place}/send")
    assert "Send it to 4 contacts now?" in owner.text
    stale = Window.beside(owner, owner.page)
    edited = Window.beside(owner, await owner.open(f"{place}/send"))
    await owner.open(f"{place}/details")
    await owner.press("Save", subject="Ten new arrivals")
    await edited.press("Send it now")
    assert 409 == edited.page.status_code, "what is sent is what was looked at"
    assert "changed in another window meanwhile" in edited.text
    await owner.open(f"{place}/send")
    again = Window.beside(owner, owner.page)
    await owner.press("Send it now")
    assert "It begins in a moment" in owner.text
    assert "data-live" in owner.page.text
    for window in (again, stale):
        await window.press("Send it now")
        assert 400 == window.page.status_code
        assert "The campaign is scheduled by now" in window.text
    await work()
    assert 4 == len(await mailbox())
    await owner.open(place)
    assert "Sent 4" in owner.text
    assert "Send to new contacts" in owner.text

    # Who is new gets it, the others do not get it again.
    await new_contact("dan@reader.example")
    await owner.open(f"{place}/setup")
    assert "1 of 5 would get it now." in owner.text
    assert "4 already got this campaign" in owner.text
    await owner.open(f"{place}/send")
    assert "Send it to 1 contact now?" in owner.text
    await owner.press("Send it now")
    await work()
    assert 5 == len(await mailbox())


async def test_a_campaign_that_is_not_complete_is_not_sent(owner: Window) -> None:
    place = await make(owner)
    await owner.open(f"{place}/send")
    assert "It cannot be sent yet" in owner.text
    assert "Choose who gets it." in owner.text
    await owner.open(f"{place}/schedule")
    await owner.press("Schedule")
    assert 400 == owner.page.status_code
    assert "Choose who gets it." in owner.text


async def test_a_send_rests_goes_on_and_is_cancelled(
    owner: Window, place: str, hand_over: Any, work: Any, mailbox: Any, account: Any, db: Any
) -> None:
    await owner.open(f"{place}/send")
    await owner.press("Send it now")
    await hand_over(place)
    await owner.open("/campaigns")
    assert "Sending" in owner.text
    await owner.open(place)
    assert {"Waiting": "4", "Leaving now": "0", "Sent": "0", "Bounced": "0", "Left out": "0", "Unknown": "0"} == counts(
        owner
    )
    stale = Window.beside(owner, owner.page)
    await owner.press("Pause")
    for words in ("The campaign rests", "Paused by a person.", "0 of 4 recipients, 0 %"):
        assert words in owner.text
    assert "data-live" not in owner.page.text
    await stale.press("Pause")
    assert (409, True) == (stale.page.status_code, "Nothing of this campaign is being sent" in stale.text)
    await work()
    assert [] == await mailbox()
    for page in ("/campaigns", place):
        await owner.open(page)
        assert "Paused" == owner.document.css_first("main .badge").text()
    await owner.open(place)
    stale = Window.beside(owner, owner.page)
    await owner.press("Resume")
    assert "The campaign goes on." in owner.text
    await stale.press("Resume")
    assert (409, True) == (stale.page.status_code, "Nothing of this campaign is paused" in stale.text)
    await owner.open(f"{place}/cancel")
    assert "0 of 4 recipients are done" in owner.text
    stale = Window.beside(owner, owner.page)
    await owner.press("Cancel the send")
    assert "Being cancelled" in owner.text
    await stale.press("Cancel the send")
    assert (409, True) == (stale.page.status_code, "sent or cancelled already" in stale.text)
    await work()
    assert [] == await mailbox()
    await owner.open(f"{place}/cancel")
    assert "There is nothing to cancel" in owner.text
    await owner.open(f"{place}/trace?address=ANN@reader.example")
    assert "Not sent: the send was cancelled." in owner.text


async def test_a_subject_test_waits_for_its_winner(
    owner: Window, place: str, work: Any, mailbox: Any, clock: Any
) -> None:
    await owner.open(f"{place}/subject-test")
    await owner.press("Test two subjects", alternative_subject="Signed copies inside", test_size="25")
    await owner.open(f"{place}/send")
    await owner.press("Send it now")
    await work()
    assert 2 == len(await mailbox())
    await owner.open(place)
    assert "The subject test waits for its winner" in owner.text
    await owner.open(f"{place}/cancel")
    assert "Those who wait for the winner" in owner.text
    await owner.press("Cancel the send")
    assert "waits for its winner" not in owner.text
    await owner.open(f"{place}/subject-test")
    assert "Signed copies inside" in owner.text
    assert "Take the test away" not in owner.buttons


async def test_what_holds_mail_back_is_told(
    owner: Window, place: str, hand_over: Any, work: Any, account: Any, db: Any
) -> None:
    config.override(account_per_minute=60, warm_up="3 100", smtp_url="smtp://127.0.0.1:1?per_minute=30")
    async with db.transaction() as conn:
        await run(
            conn,
            """
            INSERT INTO warm_ups (account_id, domain, began_on, day, sent)
            VALUES (:account_id, 'harborlane.example', current_date, current_date, 3)""",
            account_id=account.account_id,
        )
        told = await brakes.sentences(conn, account.account_id, account.email)
        assert 2 == len(await brakes.sentences(conn, account.account_id, "x@elsewhere.example"))
        limits = throttles.Throttles(account.account_id, {})
        await limits.slow_down(conn, ["domain:slow.example"], now=platform_clock.now())
        await permissions.replace(conn, account.account_id, Permissions(most_recipients=3))
    assert 3 == len(told)
    await owner.open(place)
    assert "allows 3 recipients at once" in owner.text
    assert "Send now" not in owner.text
    async with db.transaction() as conn:
        await permissions.replace(conn, account.account_id, Permissions())
    await owner.open(f"{place}/send")
    await owner.press("Send it now")
    await hand_over(place)
    await owner.open(place)
    for words in (
        "3 of the 3 messages of today have left",
        "60 messages a minute",
        "30 messages a minute",
        "slow.example asked for less: 600 messages a minute",
    ):
        assert words in owner.text


async def test_why_somebody_got_it_or_did_not(
    owner: Window, place: str, work: Any, new_contact: Any, api: Any, db: Any  # noqa: F811
) -> None:  # fmt: skip
    elsewhere = (await api.post("/v3/contact_lists", {"name": "Elsewhere"})).body["list_id"]
    await new_contact("eva@reader.example", list_id=elsewhere)
    waiting = await new_contact("fay@reader.example")
    async with db.transaction() as conn:
        await run(
            conn, "UPDATE contacts SET permission_to_send = 'pending_confirmation' WHERE contact_id = :id", id=waiting
        )

    async def told(address: str) -> str:
        await owner.open(f"{place}/trace?address={address}")
        return owner.text

    assert "If it were sent now Yes Gets it." in await told("ann@reader.example")
    assert "is not in the audience" in await told("eva@reader.example")
    assert "has not confirmed yet" in await told("fay@reader.example")
    assert "No contact has this address" in await told("nobody@reader.example")
    await owner.open(f"{place}/send")
    assert "1 still to confirm" in owner.text
    await owner.press("Send it now")
    await work()
    assert "First send Yes Accepted by the mail server at" in await told("%20ANN@reader.example")
    assert "Not a recipient: not in the audience when the send began." in await told("eva@reader.example")
    assert "Not a recipient: the contact has not confirmed yet." in await told("fay@reader.example")
    assert 400 == (await owner.client.get(f"{place}/trace?address={'x' * 321}")).status_code


async def test_a_send_that_found_nobody_says_so(
    owner: Window, place: str, hand_over: Callable[[str], Awaitable[None]], db: Any, account: Any
) -> None:
    await owner.open(f"{place}/send")
    await owner.press("Send it now")
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE contacts SET permission_to_send = 'unsubscribed' WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    await hand_over(place)
    await owner.open(place)
    assert "What became of the last send: Nobody to send to." in owner.text
    await owner.open(f"{place}/report")
    assert "It went to nobody" in owner.text
    await owner.open("/campaigns")
    assert "Nobody to send to" in owner.text
    assert "Not sent yet" not in owner.text


async def test_a_send_that_begins_while_its_page_is_read_is_followed(
    owner: Window, place: str, hand_over: Callable[[str], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner.open(f"{place}/send")
    await owner.press("Send it now")
    read = schedules.due_at

    async def read_late(*arguments: Any) -> Any:
        await hand_over(place)
        return await read(*arguments)

    monkeypatch.setattr(schedules, "due_at", read_late)
    await owner.open(place)
    assert "data-live" in owner.page.text
