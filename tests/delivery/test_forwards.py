"""Forward to a friend. Source: contract, campaigns §7.4."""

from email.message import EmailMessage
from typing import Any

import pytest

from everpost.delivery import mail_settings
from everpost.delivery.mail_settings import MailSettings
from everpost.ids import ContactId
from everpost.platform.db import many
from tests.delivery.conftest import Sending, Work
from tests.support.smtp import parse


@pytest.fixture
async def ann(sending: Sending) -> ContactId:
    """Ann, whose mails may be forwarded."""
    async with sending.db.transaction() as conn:
        await mail_settings.replace(conn, sending.account_id, MailSettings(has_forward_link=True))
    return await sending.contact("ann@example.com", first_name="Ann")


def html_of(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


async def link_of(sending: Sending, work: Work, mailbox: Any) -> str:
    await sending.open()
    await work()
    (mail,) = await mailbox()
    html = html_of(parse(mail.content))
    assert "Forward email" in html
    return "/f/" + html.partition("/f/")[2].partition('"')[0]


async def forwards(sending: Sending) -> tuple[int, list[int]]:
    async with sending.db.reader() as conn:
        events = await many(conn, str, "SELECT kind FROM tracking_events WHERE kind = 'forward'")
        return len(events), await many(conn, int, "SELECT forwards FROM activity_counters")


async def test_friends_get_an_untracked_copy_that_names_the_forwarder(
    api: Any, sending: Sending, ann: ContactId, work: Work, mailbox: Any
) -> None:
    link = await link_of(sending, work, mailbox)
    client = api.anonymous().client
    page = await client.get(link)
    assert (200, "noindex") == (page.status_code, page.headers["x-robots-tag"])
    assert "News for you" in page.text and 'value="Ann"' in page.text
    assert (0, [0]) == await forwards(sending)
    form = {"addresses": "bob@example.com, EVE@example.com\nbob@example.com", "sender_name": "Ann <b>Quade</b>"}
    answer = await client.post(link, data={**form, "note": "Look:\n<script>x</script>"})
    assert 200 == answer.status_code and "on its way" in answer.text
    await work()
    copies = [copy for mail in await mailbox() if "Fwd:" in str((copy := parse(mail.content))["Subject"])]
    assert {"bob@example.com", "EVE@example.com"} == {str(copy["To"]) for copy in copies}
    for copy in copies:
        html = html_of(copy)
        assert ("Fwd: News for you", "ann@example.com") == (copy["Subject"], copy["Reply-To"])
        assert "Dear Reader" in html or "dear Reader" in html
        assert "https://shop.example/new" in html
        assert "Forwarded by Ann &lt;b&gt;Quade&lt;/b&gt; (ann@example.com)" in html
        assert "&lt;script&gt;x&lt;/script&gt;" in html and "<script" not in html
        assert not any(path in html for path in ("/u/", "/o/", "/c/", "/f/", "/profile/", "Unsubscribe"))
        assert copy["List-Unsubscribe"] is None and copy["X-Campaign-Test"] is None
    assert (1, [1]) == await forwards(sending)
    await client.post(link, data=form)
    assert (2, [1]) == await forwards(sending)


async def test_mistakes_send_nothing(api: Any, sending: Sending, ann: ContactId, work: Work, mailbox: Any) -> None:
    link = await link_of(sending, work, mailbox)
    client = api.anonymous().client
    many_friends = ",".join(f"friend{number}@example.com" for number in range(6))
    for addresses, name in (("", "Ann"), (many_friends, "Ann"), ("bob", "Ann"), ("bob@example.com", " ")):
        answer = await client.post(link, data={"addresses": addresses, "sender_name": name})
        assert 400 == answer.status_code and 'role="alert"' in answer.text
        assert f'id="{"addresses" if name.strip() else "sender_name"}-error"' in answer.text
    assert (0, [0]) == await forwards(sending)


async def test_ten_submissions_an_hour_are_enough(
    api: Any, sending: Sending, ann: ContactId, work: Work, mailbox: Any
) -> None:
    link = await link_of(sending, work, mailbox)
    form = {"addresses": "bob@example.com", "sender_name": "Ann"}
    answers = [(await api.anonymous().client.post(link, data=form)).status_code for _ in range(11)]
    assert [200] * 10 + [429] == answers


async def test_without_the_setting_there_is_no_link_and_no_page(
    api: Any, sending: Sending, ann: ContactId, work: Work, mailbox: Any
) -> None:
    link = await link_of(sending, work, mailbox)
    async with sending.db.transaction() as conn:
        await mail_settings.replace(conn, sending.account_id, MailSettings())
    assert 404 == (await api.anonymous().client.get(link)).status_code
    assert 404 == (await api.anonymous().client.get("/f/x")).status_code
    await sending.open()
    await work()
    assert b"Forward email" not in (await mailbox())[-1].content
