"""The link at a mail's end that nobody sees. Source: contract, campaigns §6.3."""

import email
import email.policy
import re
from typing import Any
from urllib.parse import urlsplit

from everpost.platform import config
from everpost.platform.db import many
from tests.delivery.conftest import Sending, Work

_HIDDEN = re.compile(r'<a href="([^"]*/l/[^"]+)" rel="nofollow" tabindex="-1" aria-hidden="true" style="display:none')
_SEEN = re.compile(r'<a href="([^"]*/c/[^"]+)"')


async def test_who_follows_the_hidden_link_is_a_program_and_counts_nowhere(
    api: Any, sending: Sending, work: Work, mailbox: Any
) -> None:
    await sending.contact("scanner@example.com")
    await sending.open()
    await work()
    (html,) = await _bodies(mailbox)
    client = api.anonymous().client
    (hidden,), (seen,) = _HIDDEN.findall(html), _SEEN.findall(html)
    for link in (seen, hidden):
        answer = await client.get(urlsplit(link).path)
        assert (302, "https://shop.example/new") == (answer.status_code, answer.headers["location"])
    assert [0] == await _numbers(sending, "SELECT clicks FROM activity_counters")
    assert [0, 0] == await _numbers(sending, "SELECT unique_clicks FROM links")
    assert [2] == await _numbers(sending, "SELECT count(*) FROM tracking_events WHERE kind = 'click' AND is_machine")


async def test_mails_without_links_and_installations_without_the_wish_have_none(
    sending: Sending, work: Work, mailbox: Any
) -> None:
    await sending.contact("ann@example.com")
    await sending.open(html="<p>[[trackingImage]]No link here.</p>")
    config.override(hidden_link=False)
    await sending.open()
    await work()
    assert [None, None] == [_HIDDEN.search(html) for html in await _bodies(mailbox)]


async def _bodies(mailbox: Any) -> list[str]:
    parsed = [email.message_from_bytes(mail.content, policy=email.policy.default) for mail in await mailbox()]
    return [message.get_body(("html",)).get_content() for message in parsed]  # type: ignore[union-attr]


async def _numbers(sending: Sending, sql: Any) -> list[int]:
    async with sending.db.reader() as conn:
        return await many(conn, int, sql)
