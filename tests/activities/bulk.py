"""Contacts, lists and tags for tests of bulk activities, and the requests about them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.api import Api, Reply

UNKNOWN = "0193a1c2-0000-7000-8000-00000000dead"


class Bulk:
    """Makes things over the API, posts an activity and lets the worker finish it."""

    def __init__(self, api: Api, work: Callable[[], Awaitable[int]]) -> None:
        self.api = api
        self.work = work

    async def contact(self, name: str, **members: Any) -> str:
        body = {"create_source": "Account", "email_address": {"address": f"{name}@x.example"}, **members}
        return str((await self._made("/v3/contacts", body))["contact_id"])

    async def contact_list(self, name: str) -> str:
        return str((await self._made("/v3/contact_lists", {"name": name}))["list_id"])

    async def tag(self, name: str) -> str:
        return str((await self._made("/v3/contact_tags", {"name": name}))["tag_id"])

    async def field(self, label: str) -> str:
        made = await self._made("/v3/contact_custom_fields", {"label": label, "type": "string"})
        return str(made["custom_field_id"])

    async def post(self, kind: str, **body: Any) -> Reply:
        return await self.api.post(f"/v3/activities/{kind}", body)

    async def finish(self, kind: str, **body: Any) -> dict[str, Any]:
        """The activity as it is when the worker is done."""
        posted = await self.post(kind, **body)
        assert posted.status == 201, posted
        await self.work()
        return await self.activity(posted)

    async def activity(self, posted: Reply) -> dict[str, Any]:
        answer = await self.api.get(posted.body["_links"]["self"]["href"])
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    async def lists_of(self, contact_id: str) -> set[str]:
        return set((await self.read(contact_id, "list_memberships"))["list_memberships"])

    async def tags_of(self, contact_id: str) -> set[str]:
        return set((await self.read(contact_id, "taggings"))["taggings"])

    async def read(self, contact_id: str, include: str = "") -> dict[str, Any]:
        answer = await self.api.get(f"/v3/contacts/{contact_id}", {"include": include} if include else None)
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    async def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.api.post(path, body)
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.body
        return made


@pytest.fixture
def bulk(api: Api, work: Callable[[], Awaitable[int]]) -> Bulk:
    return Bulk(api, work)
