"""A real Postfix takes a campaign over STARTTLS from a client that signs in, and delivers it to mailboxes."""

import asyncio
import os
import time
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from everpost.delivery import failover
from everpost.platform import config
from tests.delivery.conftest import Sending, Work
from tests.delivery.postfix import DOMAIN, PASSWORD, POSTFIX, USER, postfix
from tests.support.smtp import parse

RECIPIENTS = 60

# Where CI runs, it is installed and we are root: there a skip would hide a failure.
pytestmark = pytest.mark.skipif(
    (POSTFIX is None or os.geteuid() != 0) and "CI" not in os.environ, reason="needs postfix, and root to start it"
)


async def test_postfix_delivers_a_campaign_to_mailboxes(
    sending: Sending, work: Work, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "_aside_until", {})
    for number in range(RECIPIENTS):
        await sending.contact(f"reader{number}@{DOMAIN}", first_name=f"Zoë {number}")
    async with postfix([f"reader{number}" for number in range(RECIPIENTS)]) as relay:
        config.override(smtp_url=f"smtp://{USER}:wrong@127.0.0.1:{relay.port}?starttls=required&verify=off")
        new, _ = await sending.open()
        await work()
        assert (["refused"], RECIPIENTS) == (relay.sign_ins[:1], (await sending.progress(new)).queued)
        secret = quote(PASSWORD, safe="")
        config.override(smtp_url=f"smtp://{USER}:{secret}@127.0.0.1:{relay.port}?starttls=required&verify=off")
        clock.move(timedelta(minutes=6))
        await work()
        progress = await sending.progress(new)
        assert RECIPIENTS == progress.sent, (progress, relay.log())
        await _await_mail(relay)
        mails = [relay.mailbox(f"reader{number}") for number in range(RECIPIENTS)]
        log = relay.log()
    assert [1] * RECIPIENTS == [len(found) for found in mails]
    assert USER == relay.sign_ins[-1]
    assert f"sasl_username={USER}" in log
    message = parse(mails[7][0])
    assert ("News for Zoë 7", f"reader7@{DOMAIN}") == (message["Subject"], message["To"])
    html = message.get_body(("html",))
    assert html is not None
    assert "dear Zoë 7" in html.get_content()
    assert "with ESMTPSA" in str(message["Received"])


async def _await_mail(relay: Any) -> None:
    deadline = time.monotonic() + 30
    while not all(relay.mailbox(f"reader{number}") for number in range(RECIPIENTS)):
        assert time.monotonic() < deadline, relay.log()
        await asyncio.sleep(0.1)
