"""Block documents: what is stored, who may change it, and what becomes of it. Source: contract, campaigns.md §2.5."""

import asyncio
from typing import Any

import pytest

from everpost.campaigns import copies, documents
from everpost.campaigns.block_shapes import Document, Heading, Image
from everpost.campaigns.documents import DocumentChanged, DocumentInvalid, NewEmail
from everpost.campaigns.errors import StateForbids
from everpost.campaigns.shapes import CampaignNameIn


@pytest.fixture
def new_email(account: Any) -> NewEmail:
    return NewEmail("Tide Table", "Harbor Lane Books", account.email, account.email, "Nine new arrivals")


async def test_a_campaign_of_blocks_is_a_draft_of_format_4(
    api: Any, db: Any, account: Any, new_email: NewEmail
) -> None:
    async with db.transaction() as conn:
        made = await documents.create_campaign(conn, account.account_id, new_email, documents.starter())
    primary, permalink = (await api.get(f"/v3/emails/{made.campaign_id}")).body["campaign_activities"]
    assert ("primary_email", "permalink") == (primary["role"], permalink["role"])
    path = f"/v3/emails/activities/{primary['campaign_activity_id']}"
    activity = (await api.get(f"{path}?include=html_content")).body
    assert 4 == activity["format_type"]
    assert activity["document_id"] == primary["document_id"]
    assert "html_content" not in activity
    preview = (await api.get(f"{path}/previews")).body
    assert "WHAT IS THIS EMAIL ABOUT?" in preview["preview_text_content"]
    async with db.reader() as conn:
        kept = await documents.of_activity(conn, account.account_id, primary["campaign_activity_id"])
    assert kept is not None
    assert (documents.starter(), 1) == (kept.document, kept.version)


async def test_the_second_of_two_editors_is_told_and_overwrites_nothing(
    api: Any, db: Any, account: Any, new_email: NewEmail
) -> None:
    one, other = Document([Heading("One")]), Document([Heading("Other")])
    async with db.transaction() as conn:
        made = await documents.create_campaign(conn, account.account_id, new_email, documents.starter())
    activity_id = made.campaign_activities[0].campaign_activity_id
    save: dict[str, Any] = {"preheader": "Soon", "expected_version": 1}
    async with db.transaction() as conn:
        assert 2 == await documents.change(conn, account.account_id, activity_id, one, **save)
    with pytest.raises(DocumentChanged):
        async with db.transaction() as conn:
            await documents.change(conn, account.account_id, activity_id, other, **save)
    async with db.reader() as conn:
        kept = await documents.of_activity(conn, account.account_id, activity_id)
    assert kept is not None
    assert one == kept.document
    activity = (await api.get(f"/v3/emails/activities/{activity_id}")).body
    assert "Soon" == activity["preheader"]
    with pytest.raises(DocumentInvalid, match=r"^blocks\[0\].alt is required.$"):
        async with db.transaction() as conn:
            await documents.change(
                conn, account.account_id, activity_id, Document([Image("https://a.example/b.png")]), **save
            )


async def test_of_two_who_save_at_the_same_moment_one_is_told(db: Any, account: Any, new_email: NewEmail) -> None:
    async with db.transaction() as conn:
        made = await documents.create_campaign(conn, account.account_id, new_email, documents.starter())
    activity_id = made.campaign_activities[0].campaign_activity_id

    async def save(words: str) -> int:
        async with db.transaction() as conn:
            document = Document([Heading(words)])
            return await documents.change(
                conn, account.account_id, activity_id, document, preheader=None, expected_version=1
            )

    outcomes = await asyncio.gather(save("One"), save("Other"), return_exceptions=True)
    assert 1 == outcomes.count(2)
    assert [DocumentChanged] == [type(each) for each in outcomes if each != 2]


async def test_an_email_of_an_application_gets_its_document_when_somebody_begins_one(
    db: Any, account: Any, api: Any, new_campaign: Any
) -> None:
    campaign = await new_campaign(format_type=4, html_content="<p>From the application</p>")
    async with db.reader() as conn:
        assert None is await documents.of_activity(conn, account.account_id, campaign.activity_id)
    async with db.transaction() as conn:
        assert 1 == await documents.change(
            conn, account.account_id, campaign.activity_id, documents.starter(), preheader=None, expected_version=0
        )
    preview = (await api.get(f"{campaign.activity}/previews")).body
    assert "From the application" not in preview["preview_html_content"]


async def test_what_is_scheduled_or_was_written_in_html_takes_no_blocks(
    db: Any, account: Any, new_campaign: Any
) -> None:
    campaign = await new_campaign()
    with pytest.raises(StateForbids, match="it has no blocks"):
        async with db.transaction() as conn:
            await documents.change(
                conn, account.account_id, campaign.activity_id, documents.starter(), preheader=None, expected_version=0
            )


async def test_a_copy_of_a_campaign_has_its_blocks(db: Any, account: Any, new_email: NewEmail) -> None:
    async with db.transaction() as conn:
        made = await documents.create_campaign(conn, account.account_id, new_email, documents.starter())
        copy = await copies.create(conn, account.account_id, made.campaign_id, CampaignNameIn("Tide Table (copy)"))
        activity_id = copy.campaign_activities[0].campaign_activity_id
        kept = await documents.of_activity(conn, account.account_id, activity_id)
    assert kept is not None
    assert (documents.starter(), 1) == (kept.document, kept.version)
    assert made.campaign_activities[0].document_id != copy.campaign_activities[0].document_id
