"""Requests that no well-behaved client sends, over the bare ASGI interface: half bodies, odd paths, header tricks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from everpost.ids import AccountId, AppId, UserId
from everpost.platform import config, metrics
from everpost.platform.caller import Caller, Session
from everpost.platform.db import Conn, Db, NoConnection
from everpost.platform.errors import PLATFORM_AREA
from everpost.platform.http import Answer, App, Doors, FormData, OpenDoors, Pages, redirect

_calls: list[Any] = []

doors = Doors(PLATFORM_AREA, "Boats")
open_doors = OpenDoors()
pages = Pages()


@doors.delete("/v3/boats/{name}")
async def sink(conn: Conn, name: str) -> None:
    _calls.append(name)


@doors.post("/v3/boats", consumes="multipart", max_body_bytes=1000)
async def upload_boat(upload: FormData) -> Answer:
    _calls.append(upload)
    return Answer({name: getattr(each, "filename", each) for name, each in upload.items()})


@doors.post("/v3/slow")
async def hold_a_connection(conn: Conn) -> None:
    await asyncio.sleep(2)


@pages.post("/leave", csrf=False)
async def leave(form: dict[str, str]) -> Answer:
    _calls.append(form)
    return redirect("/")


@open_doors.get("/send/{where}")
async def send_elsewhere(where: str) -> Answer:
    return redirect(where + "\r\nSet-Cookie: everpost_session=1")


async def read_caller(db: Db, token: str) -> Caller:
    return Caller(AccountId(uuid4()), UserId(uuid4()), AppId(uuid4()), frozenset(), frozenset(), is_limited=False)


async def find_session(db: Db, token: str) -> Session | None:
    return None


@pytest.fixture
async def app(db: Db) -> AsyncIterator[App]:
    async def open_database() -> Db:
        return db

    _calls.clear()
    made = App(
        [*doors, *open_doors, *pages], open_database=open_database, read_caller=read_caller, find_session=find_session
    )
    await made.start()
    yield made


class Sent:
    """What the application sent for one request."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.messages = messages
        self.status = messages[0]["status"] if messages else None
        self.headers = dict(messages[0]["headers"]) if messages else {}
        self.body = b"".join(message.get("body", b"") for message in messages)


async def send(
    app: App,
    method: str,
    path: str,
    *received: dict[str, Any],
    headers: dict[str, str] | None = None,
    client: str = "127.0.0.1",
) -> Sent:
    """One request as the server would hand it over; `received` are its messages."""
    incoming = list(received) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def keep(message: dict[str, Any]) -> None:
        sent.append(message)

    given = {"authorization": "Bearer t", **(headers or {})}
    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "http_version": "1.1", "scheme": "http",
        "client": (client, 1234), "server": ("everpost.test", 80),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }  # fmt: skip
    await app(scope, receive, keep)
    return Sent(sent)


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


async def test_half_a_form_does_nothing(app: App) -> None:
    answer = await send(app, "POST", "/leave", part(b"address=a&rea", more=True), headers=FORM)
    assert ([], []) == (_calls, answer.messages)


async def test_half_a_delete_and_half_an_upload_do_nothing(app: App) -> None:
    await send(app, "DELETE", "/v3/boats/x", part(b"{", more=True), headers={"transfer-encoding": "chunked"})
    await send(app, "POST", "/v3/boats", part(b'--b\r\nContent-Disposition: form-data; name="a"', more=True),
               headers=MULTIPART)  # fmt: skip
    assert [] == _calls


async def test_an_upload_in_chunks_is_measured_too(app: App) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n'
    chunks = [part(head, more=True), *(part(b"x" * 500, more=True) for _ in range(3)), part(b"\r\n--b--\r\n")]
    assert 413 == (await send(app, "POST", "/v3/boats", *chunks, headers=MULTIPART)).status
    assert [] == _calls


@pytest.mark.parametrize("length", ["²", "-1", "9" * 5000, "1e3", "", "4, 4"])
async def test_a_senseless_length_is_no_trouble(app: App, length: str) -> None:
    answer = await send(app, "DELETE", "/v3/boats/x", headers={"content-length": length})
    assert answer.status in (204, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--\r\n",
        b"--b\r\n\r\n\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a\x00"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\x00\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="\xff\x00"\r\n\r\nx\r\n--b--\r\n',
    ],
)  # fmt: skip
@pytest.mark.parametrize("charset", ["", "; charset=unicode_escape", "; charset=utf-16", "; charset=zip"])
async def test_a_broken_upload_is_refused_or_read(app: App, body: bytes, charset: str) -> None:
    headers = {"content-type": f"multipart/form-data; boundary=b{charset}"}
    assert (await send(app, "POST", "/v3/boats", part(body), headers=headers)).status in (200, 400)


async def test_an_upload_without_boundary_is_400(app: App) -> None:
    answer = await send(app, "POST", "/v3/boats", part(b"x"), headers={"content-type": "multipart/form-data"})
    assert 400 == answer.status


@pytest.mark.parametrize("name", ["\x00", "a\x01", "\ud800", "\n"])
async def test_a_path_that_no_column_takes_is_refused(app: App, name: str) -> None:
    assert 400 == (await send(app, "DELETE", f"/v3/boats/{name}")).status


@pytest.mark.parametrize("path", ["//v3/boats", "///v3/boats/x", "/v3//boats", "/v3/boats//", "/V3/boats", ""])
async def test_a_path_that_only_looks_like_ours_is_unknown(app: App, path: str) -> None:
    assert (await send(app, "DELETE", path)).status in (403, 404)


async def test_text_from_outside_cannot_add_a_header(app: App) -> None:
    answer = await send(app, "GET", "/send/x")
    assert 500 == answer.status
    assert b"location" not in answer.headers


async def test_made_up_methods_and_paths_make_no_new_numbers(app: App) -> None:
    for number in range(3):
        assert 405 == (await send(app, f"BREW{number}", "/v3/boats")).status
        await send(app, "GET", f"/v3/nowhere/{number}")
    text = metrics.render().decode()
    assert "BREW" not in text
    assert "nowhere" not in text
    assert 'method="other"' in text


async def test_when_every_connection_is_busy_the_answer_is_503(app: App, settings: config.Settings) -> None:
    db = app.db
    db.wait_seconds, before = 0.05, db.wait_seconds
    waiting = [asyncio.create_task(send(app, "POST", "/v3/slow")) for _ in range(10)]
    await asyncio.sleep(0.3)
    assert 503 == (await send(app, "DELETE", "/v3/boats/x")).status
    with pytest.raises(NoConnection):
        async with db.reader():
            pass
    db.wait_seconds = before
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert 204 == (await send(app, "DELETE", "/v3/boats/x")).status


async def test_plain_requests_from_elsewhere_are_refused_when_tls_is_required(app: App) -> None:
    config.override(require_tls=True, trusted_proxies="10.0.0.1, 10.0.0.2")
    told = {"x-forwarded-proto": "https"}
    assert 403 == (await send(app, "DELETE", "/v3/boats/x", client="192.0.2.1")).status
    assert 403 == (await send(app, "DELETE", "/v3/boats/x", client="192.0.2.1", headers=told)).status
    assert 403 == (await send(app, "DELETE", "/v3/boats/x", headers={"x-forwarded-for": "192.0.2.1"})).status
    assert 204 == (await send(app, "DELETE", "/v3/boats/x", client="10.0.0.2", headers=told)).status
    assert 204 == (await send(app, "DELETE", "/v3/boats/x")).status
