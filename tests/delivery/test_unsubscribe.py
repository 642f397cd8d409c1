"""Leaving by link, page and one click. Source: contract, campaigns §7.1, §7.2; RFC 8058."""

from typing import Any

import pytest

from everpost.contacts import memberships, stored
from everpost.delivery import mail_settings
from everpost.delivery.mail_settings import MailSettings
from everpost.ids import CampaignActivityId, ContactId, ListId, new_id
from everpost.platform.db import many
from everpost.tracking import tokens
from tests.delivery.conftest import Sending, Work
from tests.support.smtp import parse


async def link_of(mailbox: Any) -> str:
    """The path of the unsubscribe link in the header of the only mail."""
    (mail,) = await mailbox()
    header = parse(mail.content)["List-Unsubscribe"]
    return str(header).partition("http://everpost.test")[2].partition(">")[0]


async def permission(sending: Sending, contact_id: ContactId) -> tuple[Any, ...]:
    async with sending.db.reader() as conn:
        row = await stored.find(conn, sending.account_id, contact_id)
    assert row is not None
    return row.permission_to_send, row.opt_out_source, row.opt_out_reason


async def opt_outs(sending: Sending) -> list[str | None]:
    """The reasons of the opt-outs that reports will show."""
    async with sending.db.reader() as conn:
        return await many(conn, str, "SELECT coalesce(reason, '') FROM tracking_events WHERE kind = 'optout'")


async def lists_of(sending: Sending, contact_id: ContactId) -> list[ListId]:
    async with sending.db.reader() as conn:
        return (await memberships.of_contacts(conn, sending.account_id, [contact_id])).get(contact_id, [])


async def settle(sending: Sending, **members: Any) -> None:
    async with sending.db.transaction() as conn:
        await mail_settings.replace(conn, sending.account_id, MailSettings(**members))


def hidden(page: str, name: str) -> str:
    """What a hidden field of a page holds."""
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


@pytest.fixture
async def ann(sending: Sending, work: Work) -> ContactId:
    """Ann, who got a mail."""
    contact_id = await sending.contact("Ann@Example.com")
    await sending.open()
    await work()
    return contact_id


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
    ],
)
async def test_one_click_acts_at_once_without_cookie_or_redirect(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any, body: dict[str, Any]
) -> None:
    link = await link_of(mailbox)
    for _ in range(2):
        answer = await api.anonymous().client.post(link, **body)
        assert 200 == answer.status_code
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers
    assert ("unsubscribed", "Contact", None) == await permission(sending, ann)
    assert [""] == await opt_outs(sending)


async def test_looking_changes_nothing(api: Any, sending: Sending, ann: ContactId, mailbox: Any) -> None:
    link = await link_of(mailbox)
    client = api.anonymous().client
    page = await client.get(link)
    assert 200 == page.status_code
    assert "Harbor Lane Books" in page.text and "Ann@Example.com" in page.text
    headers = ("x-robots-tag", "referrer-policy", "cache-control")
    assert ["noindex", "no-referrer", "no-store"] == [page.headers[name] for name in headers]
    assert '<meta name="robots" content="noindex">' in page.text
    assert "<title>Unsubscribe · Harbor Lane Books</title>" in page.text
    await client.head(link)
    assert "implicit" == (await permission(sending, ann))[0]
    assert [] == await opt_outs(sending)


async def test_the_page_unsubscribes_whoever_it_was_sent_to(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any
) -> None:
    link = await link_of(mailbox)
    answer = await api.anonymous().client.post(link, data={"email_address": " ann@example.COM", "reason": "Too many"})
    assert 200 == answer.status_code
    assert "You are unsubscribed" in answer.text
    assert ("unsubscribed", "Contact", "Too many") == await permission(sending, ann)
    assert ["Too many"] == await opt_outs(sending)


async def test_a_form_that_names_no_address_names_nobody_else(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any
) -> None:
    client = api.anonymous().client
    link = await link_of(mailbox)
    assert 400 == (await client.post(link, data={"email_address": " "})).status_code
    assert 200 == (await client.post(link, data={"choice": "everything"})).status_code
    assert "unsubscribed" == (await permission(sending, ann))[0]


async def test_another_address_changes_nothing(api: Any, sending: Sending, ann: ContactId, mailbox: Any) -> None:
    answer = await api.anonymous().client.post(await link_of(mailbox), data={"email_address": "bob@example.com"})
    assert 400 == answer.status_code
    assert "Nothing was changed" in answer.text
    assert "implicit" == (await permission(sending, ann))[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token[:60] + ("A" if token[60] != "A" else "B") + token[61:],
        lambda token: "x",
        lambda token: token + "A",
    ],
)
async def test_an_altered_link_is_a_404_and_changes_nothing(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any, change: Any
) -> None:
    token = (await link_of(mailbox)).rpartition("/")[2]
    client = api.anonymous().client
    looked = await client.get(f"/u/{change(token)}")
    assert (404, False) == (looked.status_code, "Sign in" in looked.text)  # nothing of the portal for recipients
    assert 404 == (await client.post(f"/u/{change(token)}", data={"List-Unsubscribe": "One-Click"})).status_code
    assert "implicit" == (await permission(sending, ann))[0]


async def test_a_token_of_another_kind_does_not_unsubscribe(api: Any, sending: Sending, ann: ContactId) -> None:
    mint = tokens.signer().recipient(sending.account_id, CampaignActivityId(new_id()), ann)
    answer = await api.anonymous().client.post(f"/u/{mint.open()}", data={"List-Unsubscribe": "One-Click"})
    assert 404 == answer.status_code
    assert "implicit" == (await permission(sending, ann))[0]


async def test_the_link_of_a_test_leads_to_a_page_that_says_so(api: Any) -> None:
    client = api.anonymous().client
    assert "This is a test" in (await client.get("/u/test")).text
    assert "This is a test" in (await client.post("/u/test", data={"List-Unsubscribe": "One-Click"})).text


async def test_who_left_may_come_back_to_the_same_lists(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any
) -> None:
    link = await link_of(mailbox)
    client = api.anonymous().client
    left = await client.post(link, data={"email_address": "ann@example.com"})
    assert "Why did you leave?" not in left.text
    assert [] == await lists_of(sending, ann)
    way_back = hidden(left.text, "way_back")
    assert "Welcome back" in (await client.post(f"{link}/return", data={"way_back": way_back})).text
    assert ("explicit", None, None) == await permission(sending, ann)
    assert [sending.list_id] == await lists_of(sending, ann)


async def test_a_way_back_that_was_tampered_with_joins_no_list(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any
) -> None:
    link = await link_of(mailbox)
    await api.anonymous().client.post(link, data={"List-Unsubscribe": "One-Click"})
    for way_back in ("", "x", "AAAA", f"{sending.list_id}"):
        await api.anonymous().client.post(f"{link}/return", data={"way_back": way_back})
    assert "explicit" == (await permission(sending, ann))[0]
    assert [] == await lists_of(sending, ann)


async def test_the_reason_is_asked_for_where_the_account_wants_it(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any
) -> None:
    await settle(sending, has_comment_box=True)
    link = await link_of(mailbox)
    client = api.anonymous().client
    await client.post(f"{link}/reason", data={"reason": "Nobody left yet"})
    assert "Why did you leave?" in (await client.post(link, data={"email_address": "ann@example.com"})).text
    await client.post(f"{link}/reason", data={"reason": "Another reason", "comment": "é" * 300})
    assert ("unsubscribed", "Contact", "é" * 255) == await permission(sending, ann)
    assert ["é" * 255] == await opt_outs(sending)


async def test_lists_that_people_may_see_can_be_left_one_by_one(
    api: Any, sending: Sending, ann: ContactId, mailbox: Any
) -> None:
    link = await link_of(mailbox)
    client = api.anonymous().client
    assert "leave only some lists" not in (await client.get(link)).text
    await settle(sending, visible_list_ids=[sending.list_id])
    assert "Readers" in (await client.get(link)).text
    chosen = {"email_address": "ann@example.com", "choice": "lists"}
    assert "Nothing was changed" in (await client.post(link, data=chosen)).text
    answer = await client.post(link, data={**chosen, str(sending.list_id): "true"})
    assert "You left these lists" in answer.text
    assert [] == await lists_of(sending, ann)
    assert "implicit" == (await permission(sending, ann))[0]
    assert [] == await opt_outs(sending)
