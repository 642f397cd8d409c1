"""Contacts in a browser: found by address, name and filters; added, changed, unsubscribed and deleted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.contacts import contact_search
from tests.portal.window import Window


@pytest.fixture
async def people(api: Any, account: Any, clock: Any) -> dict[str, str]:
    """Ana, Ben and Cy by their names, in the order in which they came, and what they were given."""
    tag = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
    found = {"tag": tag, "list": str(account.list_id)}
    for name, lists, tags in [("Ana", [found["list"]], [tag]), ("Ben", [found["list"]], []), ("Cy", [], [])]:
        clock.move(timedelta(seconds=5))
        body = {
            "first_name": name, "last_name": "Ring", "create_source": "Account", "anniversary": "2020-02-01",
            "email_address": {"address": f"{name}@shelf.example", "permission_to_send": "implicit"},
            "list_memberships": lists, "taggings": tags,
        }  # fmt: skip
        reply = await api.post("/v3/contacts", body)
        assert reply.status == 201, reply
        found[name] = reply.body["contact_id"]
    return found


def shown(window: Window) -> list[str]:
    return [node.text().partition("@")[0] for node in window.document.css("td a.subject")]


async def test_contacts_are_found_by_address_name_and_filters(
    owner: Window, api: Any, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await api.post("/v3/segments", {"name": "Cs", "segment_criteria": (
        '{"version":"1.0.0","criteria":{"type":"and","group":['
        '{"source":"contact","field":"first_name","op":"starts-with","value":"c"}]}}')})  # fmt: skip
    for query, names in {
        "q=BEN@SH": ["Ben"], "q=an": ["Ana"], "q=ring": ["Cy", "Ben", "Ana"], "q=cy+r": ["Cy"], "q=x%25": [],
        f"list={people['list']}": ["Ben", "Ana"], f"tag={people['tag']}": ["Ana"], "permission=unsubscribed": [],
        f"permission=implicit&list={people['list']}&q=b": ["Ben"], f"segment={made.body['segment_id']}": ["Cy"],
    }.items():  # fmt: skip
        await owner.open(f"/contacts?{query}")
        assert names == [name for name in shown(owner) if name in people], query
    await owner.open("/contacts?q=nobody+like+this")
    assert "Nobody is found" in owner.text
    await owner.open("/contacts?segment=99")
    assert 404 == owner.page.status_code
    await owner.open("/contacts?list=nonsense")
    assert 400 == owner.page.status_code

    monkeypatch.setattr("everpost.portal.contact_table_pages.PAGE_SIZE", 2)
    await owner.open("/contacts?q=ring")
    assert ["Cy", "Ben"] == shown(owner)
    await owner.open(str(owner.attributes_of(".pager a[rel=next]")["href"]))
    assert ["Ana"] == shown(owner)
    assert "/contacts?q=ring" == owner.attributes_of(".pager a")["href"]

    monkeypatch.setattr(contact_search, "_PATIENCE", timedelta(milliseconds=1))
    monkeypatch.setattr(contact_search, "_ADDRESS", " AND pg_sleep(1) IS NOT NULL AND starts_with(email_key, :text)")
    await owner.open("/contacts?q=a@")
    assert "That takes too long" in owner.text


async def test_a_contact_is_added_changed_unsubscribed_and_deleted(
    owner: Window, api: Any, people: dict[str, str]
) -> None:
    await owner.open("/contacts/new")
    await owner.press("Save", email="dee")
    assert (400, "Does not look like an email address.") == (owner.page.status_code, owner.problem_of("email"))
    await owner.press("Save", email="ana@shelf.example")
    assert 409 == owner.page.status_code
    assert "has this address" in str(owner.problem_of("email"))
    wish = {"permission": "explicit", f"list:{people['list']}": "on", f"tag:{people['tag']}": "on"}
    await owner.press("Save", email="Dee@shelf.example", first_name="Dee", **wish)
    assert "The contact is added." in owner.text
    assert "My" in owner.text
    path = owner.page.url.path.removesuffix("/activity")
    made = (await api.get(f"/v3{path}?include=list_memberships,taggings")).body
    assert ("explicit", "Account", [people["list"]], [people["tag"]]) == (
        made["email_address"]["permission_to_send"], made["create_source"], made["list_memberships"], made["taggings"],
    )  # fmt: skip

    path = f"/contacts/{people['Ana']}"
    await owner.open(f"{path}/edit")
    await owner.press("Save", first_name="Anna" * 20)
    assert 400 == owner.page.status_code
    assert owner.problem_of("first_name")
    await owner.press("Save", first_name="Anna", last_name="", company_name="Harbor Lane")
    assert "The contact is saved." in owner.text
    changed = (await api.get(f"/v3{path}?include=list_memberships,taggings")).body
    assert ("Anna", None, "Harbor Lane", "2020-02-01", [people["list"]], [people["tag"]], "implicit") == (
        changed["first_name"], changed.get("last_name"), changed["company_name"], changed["anniversary"],
        changed["list_memberships"], changed["taggings"], changed["email_address"]["permission_to_send"],
    )  # fmt: skip

    await owner.open(f"{path}/unsubscribe")
    await owner.press("Unsubscribe")
    assert "They get no mail any more." in owner.text
    stopped = (await api.get(f"/v3{path}?include=list_memberships")).body
    assert ("unsubscribed", [], "Anna", "2020-02-01") == (
        stopped["email_address"]["permission_to_send"], stopped["list_memberships"], stopped["first_name"],
        stopped["anniversary"],
    )  # fmt: skip
    await owner.open(f"{path}/delete")
    await owner.press("Delete")
    assert "The contact is deleted." in owner.text
    assert "Ana" not in shown(owner)
    await owner.open(f"{path}/edit")
    assert 404 == owner.page.status_code
    assert 403 == (await owner.client.post(f"/contacts/{people['Ben']}/delete")).status_code


async def test_lists_are_made_renamed_and_deleted(
    owner: Window, api: Any, people: dict[str, str], work: Callable[..., Any]
) -> None:
    await owner.open("/lists")
    await owner.press("Make the list", name="Guests")
    assert "The list is there." in owner.text
    await owner.press("Make the list", name="guests")
    assert (409, "Another list already has this name.") == (owner.page.status_code, owner.problem_of("name"))
    await owner.press("Make the list", name=" ")
    assert 400 == owner.page.status_code
    held = (await api.get("/v3/contact_lists?name=guests")).body["lists"][0]
    path = f"/v3/contact_lists/{held['list_id']}"
    await api.put(path, {"name": "Guests", "description": "of the house", "favorite": True})
    await owner.open(f"/lists/{held['list_id']}/rename")
    await owner.press("Rename", name="Visitors")
    assert "It has its new name." in owner.text
    renamed = (await api.get(path)).body
    assert ("Visitors", "of the house", True) == (renamed["name"], renamed["description"], renamed["favorite"])
    await owner.open(f"/lists/{held['list_id']}/delete")
    await owner.press("Delete")
    assert "The list is being deleted." in owner.text
    await work()
    await owner.open("/lists")
    assert "Visitors" not in owner.text
    await owner.open(f"/lists/{held['list_id']}/delete")
    assert 404 == owner.page.status_code
