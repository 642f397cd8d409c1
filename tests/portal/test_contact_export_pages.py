"""Contacts exported to a file, in a browser."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from tests.portal.window import Window
from tests.support.fixtures import Account


async def test_a_list_is_exported_and_its_file_fetched(
    owner: Window, api: Any, account: Account, work: Callable[..., Awaitable[Any]]
) -> None:
    for name, lists in (("ann", [str(account.list_id)]), ("bob", [])):
        address = {"address": f"{name}@reader.example", "permission_to_send": "implicit"}
        body = {"create_source": "Account", "email_address": address, "list_memberships": lists}
        assert 201 == (await api.post("/v3/contacts", body)).status
    await owner.open(f"/contacts?list={account.list_id}")
    await owner.open(owner.attributes_of("a[href^='/contacts/export']")["href"] or "")
    await owner.press("Export")  # the list that the table was narrowed to
    activity = owner.page.url.path
    assert activity.startswith("/activities/"), owner.text
    await work()
    await owner.open(activity)
    assert "Download the export" in owner.text
    file = (await owner.client.get(f"{activity}/export")).text
    assert "ann@reader.example" in file and "bob@reader.example" not in file


async def test_a_list_that_is_gone_is_told(owner: Window) -> None:
    await owner.open("/contacts/export")
    await owner.press("Export", who=f"list:{uuid4()}")
    assert 404 == owner.page.status_code
    assert "That list or segment is gone" in owner.text
