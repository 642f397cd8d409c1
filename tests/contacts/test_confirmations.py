"""Confirmed opt-in and the way back for who unsubscribed: mail, link, page.

Source: contract, contacts.md §4, §5.10, campaigns.md §7.5, §8.1.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest

from everpost.contacts import consent_settings, contacts, lists
from everpost.platform import events
from everpost.platform.db import Db
from tests.contacts import people
from tests.support.api import Api, Reply
from tests.support.fixtures import Account, AccountApi

TOBIN = "tobin@fernwick.example"
LINK = re.compile(r"http://everpost\.test(/confirm/\S+)")
CONFLICT = "contacts.api.conflict"


@pytest.fixture
async def coi(db: Db, account: Account) -> None:
    """The account asks people to confirm."""
    async with db.transaction() as conn:
        await consent_settings.set_opt_in_confirmed(conn, account.account_id, is_on=True)


@pytest.fixture
def links(work: Callable[[], Awaitable[int]], mailbox: Callable[[], Awaitable[list[Any]]]) -> Any:
    """Sends what is due, and finds the links of the mails to an address, the last first."""

    async def find(address: str = TOBIN) -> list[str]:
        await work()
        texts = [text_of(mail.content) for mail in await mailbox() if mail.recipient == address]
        return [found[1] for text in texts if (found := LINK.search(text))]

    return find


def text_of(content: bytes) -> str:
    message: EmailMessage = message_from_bytes(content, policy=policy.default)  # type: ignore[assignment]
    text: str = message.get_content()
    return text


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, list[str]]]]:
    """The facts `contact.joined_lists` as a subscriber would be told them."""
    facts: list[tuple[str, list[str]]] = []

    class Subscriber:
        async def later(self, conn: Any, **members: Any) -> None:
            facts.append((str(members["contact_id"]), [str(each) for each in members["list_ids"]]))

    monkeypatch.setitem(events.subscribers, "contact.joined_lists", [Subscriber()])
    yield facts


async def wait(api: Api, clock: Any, **time: float) -> None:
    """Time goes by, and the client gets itself another token."""
    clock.move(timedelta(**time))
    assert isinstance(api, AccountApi)
    api.token = (await api.with_scopes("contact_data")).token


async def new_list(api: Api, name: str) -> str:
    made: str = (await api.post("/v3/contact_lists", {"name": name})).body["list_id"]
    return made


async def unsubscribe(api: Api, contact: dict[str, Any], source: str = "Contact") -> None:
    out = {"address": TOBIN, "permission_to_send": "unsubscribed"}
    answer = await people.put(api, contact, update_source=source, email_address=out)
    assert answer.status == 200, answer


async def resubscribe(api: Api, contact: dict[str, Any], *list_ids: str) -> Reply:
    return await api.put(f"/v3/contacts/resubscribe/{contact['contact_id']}", {"list_ids": list(list_ids)})


@pytest.mark.parametrize("asked", [None, "explicit", "implicit", "temp_hold"])
async def test_who_comes_by_themselves_waits_until_the_button_is_pressed(
    api: Api, account: Account, coi: None, links: Any, joined: list[Any], clock: Any, asked: str | None
) -> None:
    address = {"address": TOBIN, **({"permission_to_send": asked} if asked else {})}
    made = await people.make(
        api, create_source="Contact", email_address=address, list_memberships=[str(account.list_id)]
    )
    assert {"permission_to_send": "pending_confirmation", "opt_in_source": "Contact", "confirm_status": "pending"} == {
        name: made["email_address"].get(name) for name in ("permission_to_send", "opt_in_source", "confirm_status")
    }
    assert "opt_in_date" not in made["email_address"]
    (link,) = await links()

    await wait(api, clock, days=59)
    page = await api.with_token(None).get(link)
    looked_at = await people.get(api, made, "list_memberships")
    done = await api.with_token(None).post(link, content=b"")

    assert (200, "Harbor Lane Books" in page.text, '<form method="post"' in page.text) == (page.status, True, True)
    assert made == looked_at
    assert (200, "Thank you, you are subscribed" in done.text) == (done.status, True)
    email = (await people.get(api, made))["email_address"]
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        **made["email_address"],
        "permission_to_send": "explicit",
        "opt_in_source": "Contact",
        "opt_in_date": now,
        "updated_at": now,
        "confirm_status": "confirmed",
    } == email
    assert [(made["contact_id"], [str(account.list_id)])] == joined
    again = await api.with_token(None).post(link, content=b"")
    assert "Thank you, you are subscribed" in again.text
    assert 1 == len(joined)


async def test_whom_the_account_brings_is_never_asked(api: Api, account: Account, coi: None, links: Any) -> None:
    made = await people.make(api)
    out = await people.make(
        api, create_source="Contact", email_address={"address": "out@example.com", "permission_to_send": "unsubscribed"}
    )
    nameless = await people.make(api, create_source="Contact", email_address=None, first_name="A")

    assert ("implicit", "off") == (made["email_address"]["permission_to_send"], made["email_address"]["confirm_status"])
    assert "unsubscribed" == out["email_address"]["permission_to_send"]
    assert "email_address" not in nameless
    assert ([], []) == (await links(), await links("out@example.com"))


async def test_a_new_person_on_a_form_waits_and_a_known_one_does_not(
    api: Api, account: Account, coi: None, links: Any
) -> None:
    body = {"email_address": TOBIN, "list_memberships": [str(account.list_id)]}
    created = (await api.post("/v3/contacts/sign_up_form", body)).body
    waiting = await people.get(api, created)
    (link,) = await links()

    updated = (await api.post("/v3/contacts/sign_up_form", body)).body
    found = await people.get(api, updated)

    assert "pending_confirmation" == waiting["email_address"]["permission_to_send"]
    assert ("explicit", "pending") == (
        found["email_address"]["permission_to_send"], found["email_address"]["confirm_status"]
    )  # fmt: skip
    assert "no longer good" in (await api.with_token(None).get(link)).text


async def test_one_mail_a_day_goes_to_who_waits(api: Api, coi: None, links: Any, clock: Any) -> None:
    made = await people.make(api, create_source="Contact")

    async def wait_again() -> None:
        for permission in ("not_set", "pending_confirmation"):
            await people.put(api, made, email_address={"address": TOBIN, "permission_to_send": permission})

    await wait_again()
    within_a_day = await links()
    await wait(api, clock, hours=24, seconds=1)
    await wait_again()
    first, second = (await links())[::-1]
    await people.put(api, made, email_address={"address": "new@example.com"})
    (elsewhere,) = await links("new@example.com")

    assert [first] == within_a_day
    browser = api.with_token(None)
    assert ["no longer good" in (await browser.get(link)).text for link in (first, second, elsewhere)] == [
        True, True, False
    ]  # fmt: skip


async def test_a_link_is_too_old_after_sixty_days_and_worthless_when_altered(
    api: Api, coi: None, links: Any, clock: Any
) -> None:
    made = await people.make(api, create_source="Contact")
    (link,) = await links()
    browser = api.with_token(None)
    await wait(api, clock, days=60, seconds=1)

    late = await browser.post(link, content=b"")
    altered = [link[:-2] + "AA", link[:9] + "A" * 10 + link[19:], "/confirm/x", "/confirm/ÄÖ"]

    assert "no longer good" in late.text
    assert "<title>This link is no longer good · Harbor Lane Books</title>" in late.text
    assert ("noindex", "no-referrer", "no-store") == (
        late.headers["x-robots-tag"], late.headers["referrer-policy"], late.headers["cache-control"],
    )  # fmt: skip
    assert "pending_confirmation" == (await people.get(api, made))["email_address"]["permission_to_send"]
    for path in altered:
        for method in ("GET", "POST"):
            assert 404 == (await browser.request(method, path)).status, path


async def test_the_button_pressed_twice_at_once_confirms_once(
    api: Api, account: Account, coi: None, links: Any, joined: list[Any]
) -> None:
    await people.make(api, create_source="Contact", list_memberships=[str(account.list_id)])
    (link,) = await links()

    answers = await asyncio.gather(*(api.with_token(None).post(link, content=b"") for _ in range(4)))

    assert [True] * 4 == ["Thank you, you are subscribed" in answer.text for answer in answers]
    assert 1 == len(joined)


async def test_coming_back_by_put_must_be_confirmed_and_the_account_cannot_shorten_it(
    api: Api, coi: None, links: Any
) -> None:
    made = await people.make(api)
    await unsubscribe(api, made)
    back = {"address": TOBIN, "permission_to_send": "explicit"}

    waiting = await people.put(api, made, update_source="Contact", email_address=back)
    refused = await people.put(api, made, email_address=back)

    assert "pending_confirmation" == waiting.body["email_address"]["permission_to_send"]
    assert (400, "Validation failed: The contact has not confirmed yet") == (refused.status, refused.error_message)
    assert 1 == len(await links())


async def test_setting_somebody_waiting_mails_the_link_without_the_setting_too(api: Api, links: Any) -> None:
    made = await people.make(api)

    answer = await people.put(api, made, email_address={"address": TOBIN, "permission_to_send": "pending_confirmation"})

    assert ("pending", False) == (
        answer.body["email_address"]["confirm_status"], "opt_in_date" in answer.body["email_address"]
    )  # fmt: skip
    (link,) = await links()
    await api.with_token(None).post(link, content=b"")
    assert "confirmed" == (await people.get(api, made))["email_address"]["confirm_status"]


async def test_a_link_dies_with_its_contact(api: Api, coi: None, links: Any) -> None:
    made = await people.make(api, create_source="Contact")
    (link,) = await links()
    await api.delete(f"/v3/contacts/{made['contact_id']}")

    assert "no longer good" in (await api.with_token(None).post(link, content=b"")).text


async def test_joining_is_told_once_it_is_by_the_person_and_new(api: Api, account: Account, joined: list[Any]) -> None:
    first, second = str(account.list_id), await new_list(api, "Second")
    form = {"email_address": TOBIN, "list_memberships": [first]}
    contact_id = (await api.post("/v3/contacts/sign_up_form", form)).body["contact_id"]
    await api.post("/v3/contacts/sign_up_form", {**form, "list_memberships": [first, second]})
    await api.put(f"/v3/contacts/{contact_id}", {"update_source": "Account", "list_memberships": []})
    await api.put(f"/v3/contacts/{contact_id}", {"update_source": "Account", "list_memberships": [first]})
    await people.make(api, "brought@example.com", list_memberships=[first])

    assert [(contact_id, [first]), (contact_id, [second])] == joined


async def test_resubscribing_waits_for_the_button_and_joins_the_lists_then(
    api: Api, account: Account, links: Any, clock: Any
) -> None:
    made = await people.make(api)
    await unsubscribe(api, made)
    other, gone = await new_list(api, "Other"), await new_list(api, "Gone")

    answer = await resubscribe(api, made, str(account.list_id), other, other.upper(), gone)

    assert (200, b"") == (answer.status, answer.content)
    before = await people.get(api, made, "list_memberships")
    assert ("unsubscribed", "pending", []) == (
        before["email_address"]["permission_to_send"],
        before["email_address"]["confirm_status"],
        before["list_memberships"],
    )
    await delete_list(api, gone)
    (link,) = await links()
    await wait(api, clock, days=1)
    await api.with_token(None).post(link, content=b"")
    after = await people.get(api, made, "list_memberships")
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        **made["email_address"],
        "permission_to_send": "explicit",
        "opt_in_source": "Contact",
        "opt_in_date": now,
        "updated_at": now,
        "confirm_status": "confirmed",
    } == after["email_address"]
    assert {str(account.list_id), other} == set(after["list_memberships"])


async def delete_list(api: Api, list_id: str) -> None:
    answer = await api.delete(f"/v3/contact_lists/{list_id}")
    assert answer.status == 202, answer


async def test_one_invitation_for_each_opt_out(api: Api, account: Account, links: Any, clock: Any) -> None:
    made = await people.make(api)
    await unsubscribe(api, made)
    first = await resubscribe(api, made, str(account.list_id))
    repeated = await resubscribe(api, made, str(account.list_id))
    (old,) = await links()
    await people.put(
        api, made, update_source="Contact", email_address={"address": TOBIN, "permission_to_send": "explicit"}
    )
    await wait(api, clock, hours=1)
    await unsubscribe(api, made)

    again = await resubscribe(api, made, str(account.list_id))

    taken = [{"error_key": CONFLICT, "error_message": "A resubscribe email was already sent to this contact."}]
    assert (200, 409, taken, 200) == (first.status, repeated.status, repeated.body, again.status)
    assert "no longer good" in (await api.with_token(None).post(old, content=b"")).text


async def test_an_opt_out_in_the_second_of_the_one_before_is_another(api: Api, account: Account) -> None:
    made = await people.make(api)
    back = {"address": TOBIN, "permission_to_send": "explicit"}
    for _ in range(2):
        await unsubscribe(api, made)
        assert [200, 409] == [(await resubscribe(api, made, str(account.list_id))).status for _ in range(2)]
        await people.put(api, made, update_source="Contact", email_address=back)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "list_ids is missing"),
        ({"list_ids": []}, "list_ids is empty"),
        ({"list_ids": "all"}, "list_ids is invalid"),
        ({"list_ids": ["x"]}, "list_ids[0] is invalid"),
        ({"list_ids": [str(uuid4()) for _ in range(51)]}, "list_ids has too many items (maximum is 50)"),
        ({"list_ids": ["018f0000-0000-7000-8000-000000000000"]},
         "list_ids contains an invalid id: 018f0000-0000-7000-8000-000000000000"),
    ],
)  # fmt: skip
async def test_lists_that_nobody_can_be_invited_to(api: Api, body: dict[str, Any], message: str) -> None:
    made = await people.make(api)

    answer = await api.put(f"/v3/contacts/resubscribe/{made['contact_id']}", body)

    assert (400, [{"error_key": people.VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_who_cannot_be_invited(api: Api, account: Account, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    list_id = str(account.list_id)
    made = await people.make(api)
    nameless = await people.make(api, email_address=None, first_name="A")
    subscribed = await resubscribe(api, made, list_id)
    without_address = await resubscribe(api, nameless, list_id)
    await unsubscribe(api, made)
    monkeypatch.setattr(contacts, "LOCK_WAIT", timedelta(milliseconds=100))
    async with db.transaction() as conn:
        await conn.execute("SELECT 1 FROM contacts FOR UPDATE")
        held = await resubscribe(api, made, list_id)
    await api.delete(f"/v3/contacts/{made['contact_id']}")
    gone = [await resubscribe(api, {"contact_id": each}, list_id) for each in (made["contact_id"], uuid4())]
    malformed = await resubscribe(api, {"contact_id": "42"}, list_id)

    assert (400, "Validation failed: The contact is not unsubscribed") == (subscribed.status, subscribed.error_message)
    assert (400, "Validation failed: The contact has no email address") == (
        without_address.status, without_address.error_message
    )  # fmt: skip
    assert (409, "Another request is modifying this contact.") == (held.status, held.error_message)
    assert [404, 404] == [answer.status for answer in gone]
    assert (400, "contact_id is in an invalid format.") == (malformed.status, malformed.error_message)


async def test_an_organization_whose_name_has_two_lines_can_ask_too(api: Api, coi: None, links: Any) -> None:
    assert 200 == (await api.put("/v3/account/summary", {"organization_name": "Harbor\nLane"})).status
    await people.make(api, create_source="Contact")
    assert 1 == len(await links())


async def test_an_address_outside_ascii_gets_its_mail_too(api: Api, coi: None, links: Any) -> None:
    made = await people.make(api, "tobín@fernwick.example", create_source="Contact")

    (link,) = await links("tobín@fernwick.example")
    await api.with_token(None).post(link, content=b"")

    assert "explicit" == (await people.get(api, made))["email_address"]["permission_to_send"]


async def test_a_full_contact_joins_as_many_lists_as_there_is_room_for(
    api: Api, account: Account, links: Any, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await new_list(api, "First"), await new_list(api, "Second")
    made = await people.make(api)
    await unsubscribe(api, made)
    await resubscribe(api, made, first, second)
    (link,) = await links()
    monkeypatch.setattr("everpost.contacts.memberships.MAXIMUM", 1)

    await api.with_token(None).post(link, content=b"")

    assert [first] == (await people.get(api, made, "list_memberships"))["list_memberships"]
    assert 1000 == lists.MAXIMUM
