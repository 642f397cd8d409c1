"""What tests of bulk activities share."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everpost.activities import contact_steps, custom_field_deletions, exports, list_deletions, tag_deletions
from tests.activities.bulk import bulk
from tests.support.api import Api, Reply

__all__ = ["bulk"]

ImportFile = Callable[..., Awaitable[Reply]]


@pytest.fixture
def import_file(api: Api, account: Any) -> ImportFile:
    """`await import_file(text)` posts a CSV file for the account's list, as httpx writes multipart."""

    async def post(content: str | bytes, *, name: str = "people.csv", **parts: Any) -> Reply:
        data = {"list_ids": str(account.list_id), **parts}
        data = {part: value for part, value in data.items() if value is not None}
        body = content.encode() if isinstance(content, str) else content
        return await api.post("/v3/activities/contacts_file_import", data=data, files={"file": (name, body)})

    return post


@pytest.fixture
def finished(api: Api, work: Callable[[], Awaitable[int]]) -> Callable[[Reply], Awaitable[dict[str, Any]]]:
    """`await finished(reply)` lets the worker work and returns the activity as it then is."""

    async def look(reply: Reply) -> dict[str, Any]:
        assert reply.status in (201, 202), reply
        await work()
        answer = await api.get(reply.body["_links"]["self"]["href"])
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    return look


@pytest.fixture
def contacts(api: Api) -> Callable[[], Awaitable[dict[str, dict[str, Any]]]]:
    """Every contact by its e-mail address, with everything that can be included."""

    async def read() -> dict[str, dict[str, Any]]:
        everything = "custom_fields,list_memberships,phone_numbers,street_addresses"
        answer = await api.get("/v3/contacts", {"status": "all", "limit": "500", "include": everything})
        assert answer.status == 200, answer
        return {contact["email_address"]["address"]: contact for contact in answer.body["contacts"]}

    return read


@pytest.fixture
def new_list(api: Api) -> Callable[[str], Awaitable[str]]:
    """`await new_list("Fair")` makes a contact list and returns its id."""

    async def make(name: str) -> str:
        made = await api.post("/v3/contact_lists", {"name": name})
        assert made.status == 201, made
        return str(made.body["list_id"])

    return make


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen contacts are several steps."""
    monkeypatch.setattr(contact_steps, "MOST_PER_STEP", 5)
    monkeypatch.setattr(tag_deletions, "_CONTACTS_PER_STEP", 5)
    monkeypatch.setattr(list_deletions, "_MEMBERSHIPS_PER_STEP", 5)
    monkeypatch.setattr(custom_field_deletions, "_CONTACTS_PER_STEP", 5)
    monkeypatch.setattr(exports, "_ROWS_PER_CHUNK", 5)
