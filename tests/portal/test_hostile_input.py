"""What no page of ours sends: other accounts' addresses, and forms made by hand. Nothing of it may harm or break."""

from typing import Any

import pytest

from everpost.app import all_doors
from everpost.campaigns import content
from everpost.platform.doors import Door
from tests.portal.test_campaign_making import make
from tests.portal.window import Window

DOORS: list[Door] = [
    door for door in all_doors() if door.kind == "page" and door.path_names in [("campaign_id",), ("automation_id",)]
]
# Deleting what is not there is no mistake: somebody may have been faster.
GONE_ALREADY = ("POST", "/campaigns/{campaign_id}/delete")

HOSTILE = ("\0", "\x1b", "9" * 20, "9999-12-31")
LINES = {"from_email": "owner@harborlane.example", "from_name": "x", "reply_to_email": "owner@harborlane.example"}
BLOCKS = {
    "version": "1", "block-0-kind": "heading", "block-0-text": "x", "block-1-kind": "image",
    "block-1-url": "https://a.example/a.png", "block-1-alt": "A", "block-2-kind": "button", "block-2-label": "x",
    "block-2-url": "https://a.example",
}  # fmt: skip
FIELDS_OF_BLOCKS = ["block-0-text", "block-1-alt", "block-1-url", "block-2-label", "preheader", "theme-text"]
# Whose form, which one, what else is in it, and the fields of which each is filled with everything hostile.
FORMS: list[tuple[str, str, dict[str, str], list[str]]] = [
    ("html", "details", {"subject": "x", **LINES}, ["subject", "preheader", "from_email"]),
    ("html", "rename", {}, ["name"]),
    ("html", "copy", {}, ["name"]),
    ("html", "html", {}, ["html_content"]),
    ("html", "audience", {"kind": "segment"}, ["segment_id", "list:x"]),
    ("html", "audience", {"kind": "segment", "do": "count"}, ["segment_id"]),
    ("html", "subject-test", {"test_size": "20"}, ["alternative_subject", "test_size", "winner_wait_duration"]),
    ("html", "resend", {"resend_subject": "x"}, ["resend_subject", "delay_days"]),
    ("html", "resend/remove", {}, ["resend_request_id"]),
    ("html", "test-mail", {}, ["email_addresses", "personal_message"]),
    ("html", "schedule", {"date": "2027-03-03", "time": "23:30"}, ["date", "time"]),
    ("html", "content/preview", {}, ["html_content", "preheader"]),
    ("blocks", "content/preview", BLOCKS, FIELDS_OF_BLOCKS),
    ("blocks", "content", BLOCKS, [*FIELDS_OF_BLOCKS, "version", "at", "do", "replace"]),
    ("automation", "edit", LINES, ["subject", "html_content", "from_email", "days_before", "list_id"]),
    ("automation", "test", {}, ["email_addresses", "personal_message"]),
]


@pytest.fixture
async def places(owner: Window) -> dict[str, str]:
    """A campaign in HTML, one of blocks, and an automation."""
    html, blocks = await make(owner), await make(owner, kind="blocks", name="Of blocks")
    await owner.open("/automations/new?kind=birthday")
    await owner.press("Save")
    return {"html": html, "blocks": blocks, "automation": owner.page.url.path}


async def test_nothing_of_another_account_is_there(places: dict[str, str], open_window: Any, new_account: Any) -> None:
    await new_account("thief@elsewhere.example")
    thief = open_window()
    await thief.sign_in("thief@elsewhere.example")
    form = {**BLOCKS, "csrf_token": await token(thief, "/campaigns/new")}
    assert DOORS
    assert [] == [door for door in DOORS if door.privilege is None or not door.checks_csrf]
    for door in DOORS:
        kind = "automation" if "automation_id" in door.path_names else "html"
        path = door.path.format_map(dict.fromkeys(door.path_names, places[kind].rpartition("/")[2]))
        answer = await (thief.client.get(path) if door.method == "GET" else thief.client.post(path, data=form))
        expected = 303 if (door.method, door.path) == GONE_ALREADY else 404
        assert (door.method, path, expected) == (door.method, path, answer.status_code)


async def test_no_form_made_by_hand_breaks_anything(owner: Window, places: dict[str, str]) -> None:
    for place, page, others, fields in FORMS:
        form_page = page if page in ("details", "rename", "html", "audience", "edit") else ""
        hidden = {"csrf_token": await token(owner, f"{places[place]}/{form_page}".rstrip("/"))}
        if mark := owner.document.css_first("[name=mark]"):
            hidden["mark"] = mark.attributes["value"] or ""
        for field in fields:
            for text in HOSTILE:
                path = f"{places[place]}/{page}"
                answer = await owner.client.post(path, data={**others, **hidden, field: text})
                assert answer.status_code < 500, (path, field, text)
    for path in (
        f"{places['html']}/trace?address=%00",
        "/account/suppressions?address=%00@a.example",
        "/campaigns?q=%00",
    ):
        assert (await owner.client.get(path)).status_code < 500, path


async def test_a_preview_reads_no_more_than_an_email_may_be(owner: Window, places: dict[str, str]) -> None:
    form = {"csrf_token": await token(owner, places["html"]), "html_content": "x" * content.MAX_BYTES + "too much"}
    for path in (f"{places['html']}/content/preview", "/automations/preview"):
        answer = await owner.client.post(path, data=form)
        assert (200, True, False) == (answer.status_code, "Unsubscribe" in answer.text, "too much" in answer.text)


async def token(window: Window, path: str) -> str:
    """Against forgery, from the page there."""
    await window.open(path)
    return window.attributes_of("[name=csrf_token]")["value"] or ""
