"""What published clients send to tags and bulk activities. Source: contract, clients.md; the numbers are its rows."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.fixtures import Account, AccountApi

Work = Callable[[], Awaitable[int]]


async def test_all_tags_are_read_with_a_narrow_token(api: AccountApi) -> None:  # 44
    await api.post("/v3/contact_tags", {"name": "VIP"})
    plugin = await api.with_scopes("contact_data offline_access")
    tags = await plugin.get("/v3/contact_tags?limit=500")
    assert (200, ["VIP"]) == (tags.status, [tag["name"] for tag in tags.body["tags"]])
    assert "_links" not in tags.body, "8, 41: the last page has none"
    assert 200 == (await plugin.get("/v3/activities")).status


async def test_a_page_of_tags_is_followed_in_all_ways_of_clients(api: Api) -> None:  # 8, 9
    for name in ("One", "Two", "Three"):
        await api.post("/v3/contact_tags", {"name": name})
    href = (await api.get("/v3/contact_tags", {"limit": "2", "include_count": "1"})).body["_links"]["next"]["href"]
    assert href.startswith("/v3/contact_tags?cursor=")
    cursor = href.split("cursor=")[1]
    for params in ({"cursor": cursor}, {"limit": "2", "include_count": "1", "cursor": cursor}):
        (tag,) = (await api.get("/v3/contact_tags", params)).body["tags"]
        assert ("Three", 0) == (tag["name"], tag["contacts_count"])


@pytest.mark.parametrize("yes", ["true", "TRUE", "1"])
async def test_counts_are_asked_for_in_the_booleans_of_every_language(api: Api, yes: str) -> None:  # 10
    await api.post("/v3/contact_tags", {"name": "VIP"})
    assert 0 == (await api.get("/v3/contact_tags", {"include_count": yes})).body["tags"][0]["contacts_count"]


async def test_what_is_deleted_is_on_no_contact_any_more(api: Api, account: Account, work: Work) -> None:  # 39
    tag_id = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
    field = {"label": "Boat", "type": "string"}
    field_id = (await api.post("/v3/contact_custom_fields", field)).body["custom_field_id"]
    body = {
        "create_source": "Account", "first_name": "Ann", "taggings": [tag_id], "list_memberships": [str(account.list_id)],
        "custom_fields": [{"custom_field_id": field_id, "value": "Gull"}],
    }  # fmt: skip
    contact_id = (await api.post("/v3/contacts", body)).body["contact_id"]
    for answer in (
        await api.delete(f"/v3/contact_tags/{tag_id}"),
        await api.delete(f"/v3/contact_lists/{account.list_id}"),
        await api.post("/v3/activities/custom_fields_delete", {"custom_field_ids": [field_id]}),
    ):
        assert isinstance(answer.body, dict), "17: a body that is JSON"
    await work()
    read = (await api.get(f"/v3/contacts/{contact_id}?include=custom_fields,list_memberships,taggings")).body
    assert ([], [], []) == (read["taggings"], read["list_memberships"], read["custom_fields"])


async def test_a_tag_that_was_read_can_be_sent_back(api: Api) -> None:  # 15
    made = (await api.post("/v3/contact_tags", {"name": "VIP", "tag_id": None, "contacts_count": None})).body
    answer = await api.put(f"/v3/contact_tags/{made['tag_id']}", {**made, "contacts_count": 7, "name": "Friend"})
    assert (200, {**made, "name": "Friend"}) == (answer.status, {**answer.body, "updated_at": made["updated_at"]})


async def test_a_finished_activity_has_what_clients_wait_for(api: Api, account: Account, work: Work) -> None:  # §2
    body: dict[str, Any] = {"source": {"all_active_contacts": True}, "list_ids": [str(account.list_id)]}
    posted = (await api.post("/v3/activities/remove_list_memberships", body)).body
    await work()
    done = (await api.get(posted["_links"]["self"]["href"])).body
    assert ("completed", 100, []) == (done["state"], done["percent_done"], done["activity_errors"])
    assert all(done[name].endswith("Z") for name in ("created_at", "updated_at", "started_at", "completed_at"))


async def test_a_body_of_null_is_refused_and_not_a_failure(api: Api) -> None:  # 42
    for kind in ("contacts_taggings_add", "add_list_memberships", "contact_delete", "contacts_tags_delete"):
        answer = await api.post(f"/v3/activities/{kind}", content=b"null", headers={"Content-Type": "application/json"})
        assert (400, "contacts.api.validation.error") == (answer.status, answer.body[0]["error_key"])
