"""A file of contacts, imported in a browser."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from everpost.portal import contact_import_pages
from tests.portal.window import Window
from tests.support.fixtures import Account

FILE = b"\xef\xbb\xbfE-mail Address;First Name\r\nzo\xc3\xab@reader.example;Zo\xc3\xab\r\nsam@reader.example;Sam\r\nnobody;N\r\n"


async def send(window: Window, content: bytes | None, *list_ids: object, name: str = "readers.csv") -> httpx.Response:
    """What a browser sends of the form, followed where it leads."""
    await window.open("/contacts/import")
    token = window.attributes_of("input[name=csrf_token]")["value"]
    # A browser sends a part without a name when no file was chosen.
    file = ("", b"") if content is None else (name, content)
    data: dict[str, Any] = {"csrf_token": token, "list_ids": list(map(str, list_ids))}
    window.page = await window.client.post("/contacts/import", data=data, files={"file": file})
    if window.page.status_code == 303:
        await window.open(window.location)
    return window.page


async def test_a_file_is_imported_and_followed(
    owner: Window, api: Any, account: Account, work: Callable[..., Awaitable[Any]]
) -> None:
    await send(owner, FILE, account.list_id)
    assert str(owner.page.url.path).startswith("/activities/"), owner.text
    await work()
    await owner.open(owner.page.url.path)
    assert "readers.csv" in owner.text and "Line 4" in owner.text
    assert "Contacts in the file3 Imported2 Not taken1" in owner.text
    found = await api.get(f"/v3/contacts?lists={account.list_id}&email=sam@reader.example")
    assert ["Sam"] == [each["first_name"] for each in found.body["contacts"]]


@pytest.mark.parametrize(
    ("content", "name", "has_list", "says", "status"),
    [
        (None, "", True, "Choose a file.", 400),
        (b"", "empty.csv", True, "There is nothing in this file.", 400),
        (FILE, "readers.csv", False, "Choose at least one list.", 400),
        (FILE, "readers.xlsx", True, "Choose a file whose name ends in .csv", 415),
        (b"first_name\nSam\n", "names.csv", True, "email", 400),
    ],
)
async def test_what_cannot_be_imported_is_said_and_nothing_begins(
    owner: Window, api: Any, account: Account, content: bytes | None, name: str, has_list: bool, says: str, status: int
) -> None:
    page = await send(owner, content, *([account.list_id] if has_list else []), name=name)
    assert status == page.status_code
    assert says in owner.text
    assert [] == (await api.get("/v3/activities")).body["activities"]


async def test_a_list_of_another_account_is_gone(
    owner: Window, new_account: Callable[[str], Awaitable[Account]]
) -> None:
    other = await new_account("other@shelf.example")
    assert 404 == (await send(owner, FILE, other.list_id)).status_code
    assert "One of the lists is gone" in owner.text


async def test_a_form_without_its_token_is_refused(owner: Window, api: Any, account: Account) -> None:
    data = {"csrf_token": "0" * 40, "list_ids": str(account.list_id)}
    await owner.open("/contacts/import")
    page = await owner.client.post("/contacts/import", data=data, files={"file": ("readers.csv", FILE)})
    assert 403 == page.status_code
    data["csrf_token"] = owner.attributes_of("input[name=csrf_token]")["value"] or ""
    assert 400 == (await owner.client.post("/contacts/import", data=data)).status_code, "no file, and no multipart"
    assert [] == (await api.get("/v3/activities")).body["activities"]


async def test_a_file_that_is_too_large_is_refused_as_a_page(owner: Window, account: Account) -> None:
    large = b"email\n" + b"x" * (contact_import_pages.MOST_MEGABYTES + 1) * 1024 * 1024
    page = await send(owner, large, account.list_id)
    assert 413 == page.status_code
    assert page.headers["content-type"].startswith("text/html")
