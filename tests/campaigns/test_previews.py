"""Previews through their door. Source: contract, campaigns.md §3.13."""

from typing import Any

from everpost.platform.db import run


async def test_a_preview_shows_the_owners_names(api: Any, account: Any, new_campaign: Any, db: Any) -> None:
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE contacts SET email_address = 'x@y.example', email_key = 'x@y.example' WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    campaign = await new_campaign(
        subject='[[FirstName OR "Reader"]], [[City OR "your city"]]',
        preheader="For [[LastName]]",
        html_content="<html><body>[[trackingImage]]<p>Dear [[FIRSTNAME]] <[[EmailAddress]]>, [[JobTitle]]!</p>"
        "<a href='https://harborlane.example/new'>See them</a> <a href='[[unsubscribe]]'>Leave</a>"
        "<script>alert(1)</script></body></html>",
    )
    reply = await api.get(f"{campaign.activity}/previews")
    assert reply.status == 200
    html, text = reply.body.pop("preview_html_content"), reply.body["preview_text_content"]
    assert {name: value for name, value in reply.body.items() if not name.startswith("preview_")} == {
        "campaign_activity_id": campaign.activity_id,
        "from_email": account.email,
        "from_name": "Harbor Lane Books",
        "reply_to_email": account.email,
        "subject": "Sample, your city",
        "preheader": "For Owner",
    }
    assert "Dear Sample" in html
    assert account.email in html
    assert 'href="https://harborlane.example/new"' in html
    assert "[[" not in html
    assert "trackingImage" not in html
    assert "<script" not in html
    assert "/u/" not in html
    assert f"Unsubscribe {account.email}" in html
    assert "Harbor Lane Books" in text
    assert "See them (https://harborlane.example/new)" in text


async def test_a_preview_uses_the_contact_who_is_the_owner(
    api: Any, account: Any, new_campaign: Any, new_contact: Any, db: Any
) -> None:
    async with db.transaction() as conn:
        await run(
            conn,
            """UPDATE contacts SET first_name = 'Olivia', job_title = 'Bookseller'
                WHERE account_id = :account_id AND email_key = :email_key""",
            account_id=account.account_id,
            email_key=account.email,
        )
    campaign = await new_campaign(html_content="<p>[[FirstName]] the [[JobTitle]]</p>")
    html = (await api.get(f"{campaign.activity}/previews")).body["preview_html_content"]
    assert "Olivia the Bookseller" in html


async def test_the_permalink_and_a_link_that_is_too_long_can_be_previewed(api: Any, new_campaign: Any) -> None:
    url = "https://harborlane.example/" + "x" * 1200
    campaign = await new_campaign(html_content=f'<a href="{url}">x</a>')
    for path in (campaign.activity, campaign.permalink):
        reply = await api.get(f"{path}/previews")
        assert reply.status == 200
        assert url in reply.body["preview_html_content"]
        assert "preheader" not in reply.body


async def test_a_preview_shows_the_address_of_the_email(api: Any, new_campaign: Any) -> None:
    own = {"organization_name": "Annex", "address_line1": "Kai 1", "country_code": "DE"}
    campaign = await new_campaign(physical_address_in_footer=own)
    html = (await api.get(f"{campaign.activity}/previews")).body["preview_html_content"]
    assert "Annex | Kai 1 | Germany" in html
    assert "Harbor Lane Books |" not in html


async def test_what_was_kept_before_such_content_was_refused_is_read_by_nothing(
    api: Any, account: Any, new_campaign: Any, db: Any, list_id: str
) -> None:
    campaign = await new_campaign(lists=[list_id])
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE campaign_contents SET html_content = repeat('<div>', 80000) WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    replies = [
        await api.get(f"{campaign.activity}/previews"),
        await api.get(f"{campaign.permalink}/previews"),
        await api.post(f"{campaign.activity}/tests", {"email_addresses": ["proof@harborlane.example"]}),
        await api.post(campaign.schedules, {"scheduled_date": "0"}),
    ]
    for reply in replies:
        (error,) = reply.errors
        assert (400, True) == (reply.status, "too complex" in error["error_message"])
