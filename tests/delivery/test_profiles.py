"""What recipients change by themselves, and the move to another address. Source: contract, campaigns §7.3, §7.5."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.contacts import memberships, parts, stored
from everpost.contacts.stored import StoredContact
from everpost.delivery import mail_settings
from everpost.delivery.mail_settings import MailSettings
from everpost.ids import CampaignActivityId, ContactId, ListId, new_id
from everpost.tracking import tokens
from tests.delivery.conftest import Sending, Work
from tests.support.smtp import parse


class Page:
    """Ann's profile page."""

    def __init__(self, api: Any, sending: Sending, contact_id: ContactId) -> None:
        self.client, self.sending, self.contact_id = api.anonymous().client, sending, contact_id
        self.mint = tokens.signer().recipient(sending.account_id, CampaignActivityId(new_id()), contact_id)
        self.path = f"/profile/{self.mint.profile()}"

    async def get(self) -> Any:
        return await self.client.get(self.path)

    async def save(self, **fields: str) -> Any:
        return await self.client.post(self.path, data={"email_address": "ann@example.com", **fields})

    async def contact(self) -> StoredContact:
        async with self.sending.db.reader() as conn:
            found = await stored.find(conn, self.sending.account_id, self.contact_id)
        assert found is not None
        return found

    async def lists(self) -> list[ListId]:
        async with self.sending.db.reader() as conn:
            return (await memberships.of_contacts(conn, self.sending.account_id, [self.contact_id])).get(
                self.contact_id, []
            )

    async def settle(self, **members: Any) -> None:
        async with self.sending.db.transaction() as conn:
            await mail_settings.replace(conn, self.sending.account_id, MailSettings(**members))


@pytest.fixture
async def page(api: Any, sending: Sending) -> Page:
    return Page(api, sending, await sending.contact("ann@example.com", first_name="Ann", job_title="Reader"))


async def test_the_page_shows_the_person_and_changes_nothing(page: Page) -> None:
    answer = await page.get()
    assert (200, "noindex", "no-referrer") == (
        answer.status_code,
        answer.headers["x-robots-tag"],
        answer.headers["referrer-policy"],
    )
    assert 'value="Ann"' in answer.text and "Harbor Lane Books" in answer.text
    assert (await page.contact()).update_source is None
    assert 404 == (await page.client.get("/profile/x")).status_code


async def test_everything_on_the_page_can_be_changed_and_nothing_else_is(page: Page) -> None:
    answer = await page.save(
        first_name="Anna", last_name="Quade", phone_number="555 0101", street="77 Quarry Row", city="Salem",
        state="OR", postal_code="97301", country="US", birthday_month="2", birthday_day="29", anniversary="2021-09-03",
    )  # fmt: skip
    assert 200 == answer.status_code, answer.text
    contact = await page.contact()
    assert ("Anna", "Quade", "Reader", "Contact") == (
        contact.first_name,
        contact.last_name,
        contact.job_title,
        contact.update_source,
    )
    assert (2, 29, "2021-09-03") == (contact.birthday_month, contact.birthday_day, str(contact.anniversary))
    (phone,) = parts.read_phone_numbers(contact.phone_numbers)
    (address,) = parts.read_street_addresses(contact.street_addresses)
    assert ("555 0101", "mobile", "home", "Oregon") == (phone.phone_number, phone.kind, address.kind, address.state)
    assert "implicit" == contact.permission_to_send
    assert [page.sending.list_id] == await page.lists()
    await page.save()
    emptied = await page.contact()
    assert (None, None, b"[]") == (emptied.first_name, emptied.anniversary, bytes(emptied.phone_numbers))


async def test_a_mistake_is_told_and_nothing_is_changed(page: Page) -> None:
    for wrong, fields in (
        ("birthday_day", {"birthday_month": "2", "birthday_day": ""}), ("anniversary", {"anniversary": "x"}),
        ("first_name", {"first_name": "n" * 51}), ("phone_number", {"phone_number": "5" * 26}),
        ("state", {"street": "1 Road", "state": "s" * 51}), ("email_address", {"email_address": "x"}),
    ):  # fmt: skip
        answer = await page.save(**fields)
        assert 400 == answer.status_code
        assert 'role="alert"' in answer.text
        assert f'id="{wrong}-error"' in answer.text, (wrong, answer.text)
    answer = await page.save(birthday_month="2", birthday_day="30")
    assert (400, True) == (answer.status_code, 'role="alert"' in answer.text)
    assert "Ann" == (await page.contact()).first_name


async def test_only_lists_that_people_may_see_are_joined_and_left(page: Page, api: Any) -> None:
    hidden, shown = [
        (await api.post("/v3/contact_lists", {"name": name})).body["list_id"] for name in ("Hidden", "Shown")
    ]
    await page.settle(visible_list_ids=[UUID(shown)])
    answer = await page.get()
    assert "Shown" in answer.text and "Hidden" not in answer.text
    await page.save(**{shown: "true", hidden: "true"})
    assert {str(page.sending.list_id), shown} == {str(each) for each in await page.lists()}
    await page.save()
    assert [page.sending.list_id] == await page.lists()


async def test_a_page_that_is_switched_off_leads_to_the_one_to_leave(page: Page) -> None:
    await page.settle(has_profile_link=False)
    for answer in (await page.get(), await page.save(first_name="Eve")):
        assert (303, f"/u/{page.mint.unsubscribe()}") == (answer.status_code, answer.headers["location"])
        assert ("no-store", "no-referrer") == (answer.headers["cache-control"], answer.headers["referrer-policy"])
    assert "Ann" == (await page.contact()).first_name


async def test_who_had_unsubscribed_may_opt_in_again(page: Page) -> None:
    await page.client.post(f"/u/{page.mint.unsubscribe()}", data={"List-Unsubscribe": "One-Click"})
    assert "is unsubscribed" in (await page.get()).text
    assert "Welcome back" in (await page.client.post(f"{page.path}/return")).text
    contact = await page.contact()
    assert ("explicit", "Contact", None) == (contact.permission_to_send, contact.opt_in_source, contact.opt_out_date)


async def test_another_address_counts_once_it_is_confirmed(page: Page, mailbox: Any, work: Work, clock: Any) -> None:
    answer = await page.save(first_name="Ann", email_address="Ann@New.example")
    assert "Please confirm the address there" in answer.text
    assert "ann@example.com" == (await page.contact()).email_address
    await work()
    (mail,) = await mailbox()
    text = str(parse(mail.content).get_content())
    link = "/profile-address/" + text.partition("/profile-address/")[2].split()[0]
    assert "Ann@New.example" in (await page.client.get(link)).text
    assert "ann@example.com" == (await page.contact()).email_address
    assert "Thank you" in (await page.client.post(link)).text
    contact = await page.contact()
    assert ("Ann@New.example", "ann@new.example", "implicit") == (
        contact.email_address,
        contact.email_key,
        contact.permission_to_send,
    )
    assert "no longer good" in (await page.client.post(link)).text
    assert "no longer good" in (await page.client.get("/profile-address/AAAA")).text


async def test_an_address_of_somebody_else_and_an_old_link_change_nothing(
    page: Page, mailbox: Any, work: Work, clock: Any
) -> None:
    await page.sending.contact("bob@example.com")
    await page.save(email_address="bob@example.com")
    await work()
    (mail,) = await mailbox()
    text = str(parse(mail.content).get_content())
    link = "/profile-address/" + text.partition("/profile-address/")[2].split()[0]
    assert "We know this address" in (await page.client.post(link)).text
    clock.move(timedelta(days=61))
    assert "no longer good" in (await page.client.post(link)).text
    assert "ann@example.com" == (await page.contact()).email_address


async def test_nobody_is_flooded_with_questions_about_an_address(page: Page) -> None:
    assert 400 == (await page.save(email_address="no address")).status_code
    for _ in range(5):
        assert 200 == (await page.save(email_address="eve@example.com")).status_code
    assert 429 == (await page.save(email_address="eve@example.com")).status_code
