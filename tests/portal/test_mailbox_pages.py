from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from everpost.ids import AccountId
from everpost.platform import config, mailbox
from everpost.platform.db import Db
from everpost.platform.http import App
from everpost.platform.mailbox import NewMail
from tests.support.fixtures import PASSWORD, Account

HERE = "http://127.0.0.1:8080"
SOURCE = (
    b"From: shop@example.com\r\nSubject: News\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<p>Hello <script>alert(1)</script></p>\r\n"
)


class Browsers:
    """Makes clients: `peer` is where the connection comes from, `address` what was typed."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.opened: list[httpx.AsyncClient] = []

    def open(self, address: str = HERE, *, peer: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=(peer, 50_000))
        client = httpx.AsyncClient(transport=transport, base_url=address, headers=headers)
        self.opened.append(client)
        return client


@pytest.fixture
async def browsers(app: App) -> AsyncIterator[Browsers]:
    config.override(public_url=None)
    found = Browsers(app)
    yield found
    for client in found.opened:
        await client.aclose()


async def put(db: Db, subject: str, account_id: AccountId | None = None) -> UUID:
    async with db.transaction() as conn:
        await mailbox.append(conn, [NewMail(account_id, "shop@example.com", "jo@example.org", subject, SOURCE)])
        return (await mailbox.page(conn, None)).mails[0].mail_id


async def sign_in(client: httpx.AsyncClient, email: str) -> None:
    page = await client.get("/login")
    answer = await client.post("/login", data=hidden(page) | {"login": email, "password": PASSWORD})
    assert answer.status_code == 303


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of the page's last form."""
    form = LexborHTMLParser(page.text).css("form")[-1]
    return {field.attributes["name"] or "": field.attributes["value"] or "" for field in form.css("input[type=hidden]")}


async def test_the_person_at_the_machine_sees_every_mail_without_signing_in(db: Db, browsers: Browsers) -> None:
    await put(db, "A campaign", AccountId(UUID(int=1)))
    await put(db, "Of the instance")
    for address in (HERE, "http://localhost:8080", "http://[::1]:8080"):
        page = await browsers.open(address).get("/mailbox")
        assert page.status_code == 200
        assert "A campaign" in page.text
        assert "Of the instance" in page.text


@pytest.mark.parametrize(
    ("address", "peer", "headers"),
    [
        (HERE, "192.0.2.7", {}),
        (HERE, "127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        (HERE, "127.0.0.1", {"Forwarded": "for=192.0.2.7"}),
        (HERE, "127.0.0.1", {"Via": "1.1 proxy"}),
        ("http://rebound.example:8080", "127.0.0.1", {}),
    ],
    ids=["another machine", "X-Forwarded-For", "Forwarded", "Via", "a foreign name for this machine"],
)
@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/delete", "/mailbox/{mail_id}", "/mailbox/{mail_id}/html"])
async def test_everybody_else_signs_in_first(
    db: Db, browsers: Browsers, address: str, peer: str, headers: dict[str, str], path: str
) -> None:
    mail_id = await put(db, "A campaign")
    path = path.format(mail_id=mail_id)
    answer = await browsers.open(address, peer=peer, **headers).get(path)
    assert (303, f"/login?next={path}") == (answer.status_code, answer.headers["location"])


async def test_an_instance_with_a_public_address_is_never_open(db: Db, browsers: Browsers) -> None:
    # A proxy on the same machine that adds no header looks like a person at the machine.
    config.override(public_url="https://mail.example.org")
    assert (await browsers.open(HERE).get("/mailbox")).status_code == 303


async def test_a_signed_in_person_sees_the_mail_of_the_own_account_only(
    db: Db, browsers: Browsers, new_account: Callable[[str], Awaitable[Account]]
) -> None:
    mine, theirs = await new_account("mine@example.com"), await new_account("theirs@example.com")
    own = await put(db, "My campaign", mine.account_id)
    foreign = await put(db, "Their campaign", theirs.account_id)
    await put(db, "Of the instance")
    client = browsers.open(HERE, peer="192.0.2.7")
    await sign_in(client, mine.email)
    page = await client.get("/mailbox")
    assert "My campaign" in page.text
    assert "Their campaign" not in page.text
    assert "Of the instance" not in page.text
    assert (await client.get(f"/mailbox/{own}")).status_code == 200
    assert (await client.get(f"/mailbox/{foreign}")).status_code == 404
    assert (await client.get(f"/mailbox/{foreign}/html")).status_code == 404
    await client.post("/mailbox/delete", data=hidden(await client.get("/mailbox/delete")))
    async with db.reader() as conn:
        assert (await mailbox.page(conn, None)).total == 2


async def test_a_mail_s_html_is_shown_in_a_frame_that_can_do_nothing(db: Db, browsers: Browsers) -> None:
    mail_id = await put(db, "News")
    client = browsers.open()
    page = await client.get(f"/mailbox/{mail_id}")
    assert f'<iframe src="/mailbox/{mail_id}/html"' in page.text
    assert "alert(1)" not in page.text
    frame = await client.get(f"/mailbox/{mail_id}/html")
    assert "alert(1)" in frame.text
    policy = frame.headers["content-security-policy"]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox;" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert (frame.headers["x-frame-options"], frame.headers["cache-control"]) == ("SAMEORIGIN", "no-store")


async def test_the_source_is_escaped(db: Db, browsers: Browsers) -> None:
    mail_id = await put(db, "News")
    page = await browsers.open().get(f"/mailbox/{mail_id}", params={"view": "source"})
    assert "<p>Hello &lt;script" not in page.text
    assert "&lt;p&gt;Hello &lt;script&gt;alert(1)" in page.text


@pytest.mark.parametrize("path", ["/mailbox/no-id", f"/mailbox/{UUID(int=0)}", f"/mailbox/{UUID(int=0)}/html"])
async def test_a_mail_that_is_not_there_is_a_404_page(browsers: Browsers, path: str) -> None:
    answer = await browsers.open().get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


async def test_pages_lead_to_older_and_newer_mail(db: Db, browsers: Browsers) -> None:
    async with db.transaction() as conn:
        await mailbox.append(
            conn, [NewMail(None, "a@example.com", "b@example.com", f"Mail {n:03}", SOURCE) for n in range(120)]
        )
    client = browsers.open()
    first, second = await client.get("/mailbox"), await client.get("/mailbox?page=2&q=Mail")
    assert "Mail 119" in first.text
    assert "/mailbox?page=2" in first.text
    assert "Mail 069" in second.text
    assert "Page 2 of 3" in second.text
    assert "/mailbox?page=3&amp;q=Mail" in second.text


@pytest.mark.parametrize("query", ["page=0", "page=x", "q=" + "x" * 201])
async def test_a_bad_query_is_a_400_page(browsers: Browsers, query: str) -> None:
    answer = await browsers.open().get(f"/mailbox?{query}")
    assert answer.status_code == 400
    assert "That did not work" in answer.text


async def test_nothing_is_deleted_without_the_form_s_token(db: Db, browsers: Browsers) -> None:
    await put(db, "News")
    answer = await browsers.open().post("/mailbox/delete")
    assert answer.status_code == 403
    async with db.reader() as conn:
        assert (await mailbox.page(conn, None)).total == 1


async def test_the_mailbox_says_whether_mail_leaves(browsers: Browsers) -> None:
    client = browsers.open()
    assert "mail stays here" in (await client.get("/mailbox")).text
    config.override(smtp_url="smtp://relay.example.org")
    assert "mail leaves for real" in (await client.get("/mailbox")).text


async def test_the_start_page_knows_who_is_signed_in(browsers: Browsers, account: Account, app: Any) -> None:
    client = browsers.open()
    stranger = await client.get("/")
    assert stranger.status_code == 200
    assert 'href="/login"' in stranger.text
    assert "/v3/openapi.json" in stranger.text
    assert "everpost token" in stranger.text
    await sign_in(client, account.email)
    known = await client.get("/")
    assert "Harbor Lane Books" in known.text
    assert account.email in known.text
    assert "/login/logout" in known.text
