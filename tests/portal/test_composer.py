"""Writing an email of blocks in the browser, without any script. Source: contract, campaigns.md §2.4, §2.5, §3.8."""

from typing import Any

import pytest

from everpost.campaigns import documents
from everpost.campaigns.block_shapes import Document, Heading, Image, Text
from everpost.campaigns.documents import NewEmail
from tests.portal.window import Window


@pytest.fixture
async def made(db: Any, account: Any) -> Any:
    """A new campaign of blocks."""
    new = NewEmail("Tide Table", "Harbor Lane Books", account.email, account.email, "Nine new arrivals")
    async with db.transaction() as conn:
        return await documents.create_campaign(conn, account.account_id, new, documents.starter())


@pytest.fixture
def path(made: Any) -> str:
    return f"/campaigns/{made.campaign_id}/content"


@pytest.fixture
def kept(db: Any, account: Any, made: Any) -> Any:
    async def find() -> Document:
        async with db.reader() as conn:
            activity_id = made.campaign_activities[0].campaign_activity_id
            found = await documents.of_activity(conn, account.account_id, activity_id)
        assert found is not None
        return found.document

    return find


def kinds(document: Document) -> list[str]:
    return [type(block).__name__ for block in document.blocks]


async def test_an_email_is_put_together_without_a_script(owner: Window, path: str, kept: Any) -> None:
    await owner.open(path)
    await owner.press(
        "Save", preheader="Signed copies", **{"block-1-text": "Dear [[FirstName]],\r\n\r\n- nine\r\n- new"}
    )
    assert "Saved." in owner.text
    assert Text("Dear [[FirstName]],\n\n- nine\n- new") == (await kept()).blocks[1]
    await owner.press("Move down Button")
    await owner.press("Move up Button")
    assert ["Heading", "Button", "Text"] == kinds(await kept())
    await owner.press("Duplicate Heading")
    await owner.press("Delete Heading")
    await owner.press("Line below Text")
    assert ["Heading", "Button", "Text", "Divider"] == kinds(await kept())
    await owner.press("Columns at the end")
    await owner.press("Space at the end of column 2")
    await owner.press("Line at the end of column 2")
    await owner.press("Move down Space", **{"block-4-columns": "3"})
    (row,) = (await kept()).blocks[4:]
    assert [[], ["Divider", "Spacer"], []] == [[type(leaf).__name__ for leaf in column] for column in row.columns]
    frame = await owner.client.get(f"{path}/preview")
    assert "sandbox" in frame.headers["content-security-policy"]
    assert "allow-scripts" not in frame.headers["content-security-policy"]
    assert "Signed copies" in frame.text
    assert "* nine" in (await owner.client.get(f"{path}/preview?view=text")).text


async def test_what_is_not_complete_comes_back_as_it_was_typed(owner: Window, path: str, kept: Any) -> None:
    await owner.open(path)
    await owner.press("Picture at the end")
    assert "Not saved yet: fill in the new block" in owner.text
    picture = {"block-3-url": "http://a.example/boat.png", "block-3-link": "javascript:alert(1)"}
    await owner.press("Save", **picture, **{"theme-text": "#eeeeee"})
    assert 400 == owner.page.status_code
    assert "Must be an address that begins with https://." == owner.problem_of("block-3-url")
    assert "Is required." == owner.problem_of("block-3-alt")
    assert "Must begin with https://, http://, mailto: or tel:." == owner.problem_of("block-3-link")
    assert "Is too hard to read on the paper: contrast 1.2, at least 4.5 is needed." == owner.problem_of("theme-text")
    assert documents.starter() == await kept()
    fixed = {"block-3-url": "https://a.example/boat.png", "block-3-alt": "A boat", "block-3-link": ""}
    await owner.press("Save", **fixed, **{"theme-text": "#000000"})
    assert Image("https://a.example/boat.png", "A boat") == (await kept()).blocks[3]


async def test_two_windows_do_no_harm_to_each_other(
    owner: Window, open_window: Any, account: Any, path: str, kept: Any
) -> None:
    other = open_window()
    await other.sign_in(account.email)
    await owner.open(path)
    await other.open(path)
    again = Window.beside(owner, owner.page)
    for window in (owner, again):
        await window.press("Save", preheader="Soon", **{"block-0-text": "Mine"})
        assert "Saved." in window.text, "pressed twice, saved once"
    await again.press("Duplicate Heading")
    await owner.press("Duplicate Heading")
    assert ["Heading", "Heading", "Text", "Button"] == kinds(await kept())
    await owner.press("Delete Heading")
    await other.press("Save", **{"block-0-text": "Mine"})
    assert 409 == other.page.status_code, "with another preheader it is not the same"
    await other.press("Save", **{"block-0-text": "Theirs"})
    assert 409 == other.page.status_code
    assert "Somebody else saved this email while you worked on it." in other.text
    await other.press("Move down Heading: Theirs")
    assert 409 == other.page.status_code
    assert Heading("Mine", level=1) == (await kept()).blocks[0]
    await other.press("Replace theirs with mine")
    assert Heading("Theirs", level=1) == (await kept()).blocks[1]


async def test_only_what_may_be_changed_is_offered(
    owner: Window, visitor: Window, api: Any, db: Any, account: Any, made: Any, path: str
) -> None:
    await visitor.open(path)
    assert visitor.location.startswith("/login")
    await owner.open("/campaigns/00000000-0000-7000-8000-000000000000/content")
    assert 404 == owner.page.status_code
    await owner.open(path)
    assert 403 == (await owner.client.post(path, data={"do": "save"})).status_code
    async with db.transaction() as conn:
        await conn.execute("UPDATE campaigns SET status = 'SCHEDULED', previous_status = 'DRAFT', scheduled_at = now()")
    await owner.press("Save", **{"block-0-text": "Too late"})
    assert "delete its schedule" in owner.text
    assert "Too late" in owner.page.text
    await owner.open(path)
    assert [] == owner.buttons
    assert 200 == (await owner.client.get(f"{path}/preview")).status_code


async def test_an_email_of_an_application_is_begun_anew_when_somebody_says_so(
    owner: Window, api: Any, account: Any
) -> None:
    sender = {"from_name": "Books", "from_email": account.email, "reply_to_email": account.email, "subject": "News"}
    activity = {"format_type": 4, **sender, "html_content": "<p>Of the application</p>"}
    made = await api.post("/v3/emails", {"name": "Tides", "email_campaign_activities": [activity]})
    path = f"/campaigns/{made.body['campaign_id']}/content"
    await owner.open(path)
    assert "Of the application" in (await owner.client.get(f"{path}/preview")).text
    again = Window.beside(owner, owner.page)
    for window in (owner, again):
        await window.press("Write a new one in blocks")
        assert "What is this email about?" in window.text, "pressed twice, begun once"
    # The contract has no body for this format: what an application sends later changes the lines, not the blocks.
    activity_path = f"/v3/emails/activities/{made.body['campaign_activities'][0]['campaign_activity_id']}"
    answer = await api.put(activity_path, {**sender, "html_content": "<p>Once more</p>"})
    assert 200 == answer.status
    assert "What is this email about?" in (await owner.client.get(f"{path}/preview")).text


async def test_a_form_that_is_no_composer_is_refused(owner: Window, path: str) -> None:
    await owner.open(path)
    for fields in (
        {"do": "explode 1"},
        {"do": "up 99"},
        {"do": "append 0-7 text"},
        {"do": "add 0 script"},
        {"block-0-level": "9"},
        {"block-0-kind": "script"},
        {"version": "one"},
        {"preheader": "a\nb"},
        {"preheader": "\0"},
        {"preheader": "x" * 201},
        {"block-9-0-0-kind": "columns"},
    ):
        hidden = owner.document.css_first("[name=csrf_token]")
        assert hidden is not None
        token = {"csrf_token": str(hidden.attributes["value"]), "version": "1"}
        theme = {f"theme-{name}": "#ffffff" for name in ("background", "paper", "accent")}
        block = {"block-0-kind": "heading", "block-0-text": "x"}
        answer = await owner.client.post(path, data={**token, **theme, **block, **fields})
        expected = 400 if "block-9-0-0-kind" not in fields else 303
        assert (fields, expected) == (fields, answer.status_code)
