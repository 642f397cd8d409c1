"""Segments in a browser: conditions come and go, are checked one by one, and choose whom the API would choose."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from everpost.platform import config
from tests.portal.window import Window


@pytest.fixture
async def people(api: Any, account: Any) -> dict[str, str]:
    """Three contacts by first name: Ana and Ben on a list, Ana with a tag, Cy with nothing."""
    tag = (await api.post("/v3/contact_tags", {"name": "VIP"})).body["tag_id"]
    found = {"tag": tag, "list": str(account.list_id)}
    for name, lists, tags, city in [
        ("Ana", [found["list"]], [tag], "Salem"), ("Ben", [found["list"]], [], "Boston"), ("Cy", [], [], "Salem"),
    ]:  # fmt: skip
        body = {
            "first_name": name, "email_address": {"address": f"{name}@shelf.example"}, "create_source": "Account",
            "street_addresses": [{"kind": "home", "city": city}], "list_memberships": lists, "taggings": tags,
        }  # fmt: skip
        reply = await api.post("/v3/contacts", body)
        assert reply.status == 201, reply
        found[name] = reply.body["contact_id"]
    return found


def document(*leaves: dict[str, Any]) -> str:
    return json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": list(leaves)}})


async def add(owner: Window, about: str) -> None:
    await owner.press("Add", add=about)
    assert 200 == owner.page.status_code, owner.text


async def chosen(api: Any, segment_id: str) -> set[str]:
    return {each["contact_id"] for each in (await api.get(f"/v3/contacts?segment_id={segment_id}")).body["contacts"]}


def previewed(window: Window) -> set[str]:
    return {node.text() for node in window.document.css("#preview a.subject")}


async def test_a_segment_is_written_looked_at_saved_changed_and_deleted(
    owner: Window, api: Any, people: dict[str, str]
) -> None:
    await owner.open("/segments")
    assert "There are no segments yet" in owner.text
    await owner.open("/segments/new")
    await owner.press("Remove condition 1")
    assert "There is no condition yet." in owner.text
    await add(owner, "lists")
    await add(owner, "field:city")
    typed = {"name": "Near us", f"rule-0-pick:{people['list']}": "on", "rule-1-value": " salem "}
    await owner.press("Who matches?", **typed)
    assert {"Ana@shelf.example"} == previewed(owner)
    assert "1 contact matches now" in owner.text
    assert "not saved yet" in owner.text
    await owner.press("Save")
    assert "The segment is saved." in owner.text
    place = owner.page.url.path
    assert {people["Ana"]} == await chosen(api, place.rpartition("/")[2])
    assert {"Ana@shelf.example"} == previewed(owner)
    stored = (await api.get(f"/v3{place}")).body
    assert json.loads(document(
        {"source": "list_membership", "field": "list_id", "op": "contains-any", "value": [people["list"]]},
        {"source": "contact", "field": "city", "op": "eq", "value": "salem"},
    )) == json.loads(stored["segment_criteria"])  # fmt: skip

    await owner.press("Save", match="any", name="Near us or on the list")
    assert {people[name] for name in ("Ana", "Ben", "Cy")} <= await chosen(api, place.rpartition("/")[2])
    assert "any" == owner.attributes_of("#match option[selected]")["value"]
    await owner.open("/segments")
    assert "Near us or on the list" in owner.text
    await owner.open(f"{place}/delete")
    await owner.press("Delete")
    assert "The segment is deleted." in owner.text
    await owner.open(place)
    assert 404 == owner.page.status_code


async def test_what_is_wrong_stands_beside_the_condition_and_nothing_is_lost(owner: Window, api: Any) -> None:
    await api.post("/v3/segments", {"name": "Taken", "segment_criteria": document(
        {"source": "contact", "field": "city", "op": "empty"})})  # fmt: skip
    await owner.open("/segments/new")
    for about in ("field:city", "field:created_at", "tags", "field:birthday"):
        await add(owner, about)
    typed = {
        "name": "taken", "rule-0-days": "2000", "rule-1-value": "", "rule-2-op": "before", "rule-2-value": "noon",
        "rule-4-value": "7",
    }  # fmt: skip
    await owner.press("Save", **typed)
    assert 400 == owner.page.status_code
    assert [
        "At most 1825 days, which are five years.", "Type what to compare with.",
        "This does not fit here. A number of days, or a date like 2026-04-30.", "Tick at least one.", None,
    ] == [owner.problem_of(f"rule-{number}") for number in range(5)]  # fmt: skip
    assert "noon" == owner.attributes_of("#rule-2-value")["value"]
    for number in (3, 2, 1):
        await owner.press(f"Remove condition {number}")
    await owner.press("Save", **{"rule-0-op": "empty"})
    assert 400 == owner.page.status_code, owner.text
    assert "Tick at least one." == owner.problem_of("rule-0")
    await owner.press("Remove condition 1")
    await owner.press("Save")
    assert 409 == owner.page.status_code
    assert "Another segment already has this name." == owner.problem_of("name")
    await owner.press("Save", name=" ")
    assert 400 == owner.page.status_code
    assert owner.problem_of("name")
    await owner.press("Remove condition 1")
    await owner.press("Save", name="Nobody's")
    assert "Add at least one condition." in owner.text
    reply = await owner.client.post("/segments/new", data={"do": "save", "name": "forged"})
    assert 403 == reply.status_code


CONDITIONS: list[dict[str, Any]] = [
    {"source": "tracking", "field": "opened", "op": "contains-any", "const_value": "campaigns"},
    {"source": "Tracking", "field": "not-opened", "op": "contains-any", "const_value": "last-n-campaigns", "param": 7},
    {"source": "tracking", "field": "clicked", "op": "contains-any", "const_value": "any-campaign",
     "const_date_value": "last-n-days", "date_param": "45"},
    {"source": "tracking", "field": "sent", "op": "contains-any", "value": "8f6a2b10-9a40-11ef-8d2f-0a58a9feac02"},
    {"type": "or", "group": [{"source": "tags", "op": "contains-none", "value": ["8f6a2b10-9a40-11ef-8d2f-0a58a9feac02"]}]},
    {"source": "contact", "field": "date_added", "op": "in-period", "const_value": "over-n-days-ago", "param": 30},
    {"source": "contact", "field": "permission_to_send", "op": "is", "value": "EXPLICIT"},
    {"source": "contact", "field": "birthday", "op": "month-eq", "value": 4},
    {"source": "contact", "field": "cf:boat_length_m", "op": "gte", "vars": 8},
    {"source": "contact", "field": "cf:rank", "op": "in", "value": ["gold"]},
    {"source": "contact", "field": "job_title", "op": "is-not-empty"},
]  # fmt: skip
TOO_RICH: list[dict[str, Any]] = [
    {"source": "tracking", "field": "clicked", "op": "contains-all", "const_value": "last-n-campaigns", "param": 2},
    {"source": "contact", "field": "birthday", "op": "month-eq", "value": [1, 2]},
    {"source": "contact", "field": "home_city", "op": "eq", "value": "Salem"},
    {"source": "contact", "field": "created_at", "op": "between", "value": ["2026-01-01", "2026-02-01"]},
    {"type": "not", "group": [{"source": "contact", "field": "city", "op": "eq", "value": "Salem"}]},
    {"source": "tracking", "field": "opened", "op": "contains-any", "const_value": "campaigns",
     "const_date_value": "on", "date_param": "2026-02-01"},
]  # fmt: skip


async def test_what_applications_wrote_is_a_form_as_far_as_that_says_all_and_words_otherwise(
    owner: Window, api: Any
) -> None:
    length = {"label": "Boat length (m)", "type": "number", "metadata": {"integer": False, "decimal_places": 1}}
    rank = {"label": "Rank", "type": "single_select", "metadata": {"display_type": "dropdown"},
            "choices": [{"choice_label": "Gold"}]}  # fmt: skip
    for field in (length, rank):
        assert 201 == (await api.post("/v3/contact_custom_fields", field)).status
    made = await api.post("/v3/segments", {"name": "Many", "segment_criteria": document(*CONDITIONS)})
    assert made.status == 201, made
    place = f"/segments/{made.body['segment_id']}"
    await owner.open(place)
    assert len(CONDITIONS) == len(owner.document.css("fieldset.condition")), owner.text
    before = await chosen(api, str(made.body["segment_id"]))
    await owner.press("Save")
    assert "The segment is saved." in owner.text
    assert before == await chosen(api, str(made.body["segment_id"]))
    assert len(CONDITIONS) == len(owner.document.css("fieldset.condition"))

    for number, leaf in enumerate(TOO_RICH):
        made = await api.post(
            "/v3/segments", {"name": f"Rich {number}", "segment_criteria": document(leaf, CONDITIONS[0])}
        )
        assert made.status == 201, made
        place = f"/segments/{made.body['segment_id']}"
        await owner.open(place)
        assert ["Rename"] == owner.buttons, leaf
        assert "Opened any campaign" in owner.text
    await owner.press("Rename", name="Many")
    assert "Another segment already has this name." == owner.problem_of("name")
    await owner.press("Rename", name="Richest")
    assert "It has its new name." in owner.text
    stored = (await api.get(f"/v3{place}")).body
    assert ("Richest", document(TOO_RICH[-1], CONDITIONS[0])) == (stored["name"], stored["segment_criteria"])


async def test_a_count_that_takes_too_long_is_left_out(owner: Window, api: Any) -> None:
    made = await api.post("/v3/segments", {"name": "All", "segment_criteria": document(
        {"source": "contact", "field": "city", "op": "empty"})})  # fmt: skip
    config.override(segment_seconds=0)
    await owner.open(f"/segments/{made.body['segment_id']}")
    assert "There are too many to count in a moment." in owner.text


async def test_who_may_only_read_lists_sees_words_and_a_number(
    owner: Window, api: Any, open_window: Callable[[], Window], people: dict[str, str]
) -> None:
    made = await api.post("/v3/segments", {"name": "Salem", "segment_criteria": document(
        {"source": "contact", "field": "city", "op": "eq", "value": "Salem"})})  # fmt: skip
    place = f"/segments/{made.body['segment_id']}"
    await api.as_role("campaign_creator")
    creator = open_window()
    await creator.sign_in("campaign_creator@harborlane.example")
    await creator.open("/segments")
    assert "New segment" not in creator.text
    await creator.open(place)
    assert "City is “Salem”" in creator.text
    assert "2 contacts match now" in creator.text
    assert ([], set()) == (creator.buttons, previewed(creator))
    for path in ("/segments/new", f"{place}/delete", "/contacts", "/contacts/new", f"/contacts/{people['Ana']}/edit"):
        await creator.open(path)
        assert 403 == creator.page.status_code, path
