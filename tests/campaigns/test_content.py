"""What authors may write, from the API to the inbox. Source: contract, campaigns §4, §2.6, §11."""

import time
from typing import Any

import pytest

from everpost.campaigns import content
from everpost.delivery import mail_settings
from everpost.delivery.mail_settings import MailSettings
from tests.campaigns.conftest import parsed, shown

PARAGRAPH = "<p>Liebe [[FirstName OR &quot;Freundin&quot;]], größere Auswahl! 🎉 שלום</p>\n"
SUBJECT = "🎉 [[FirstName]]: neun neue Bücher 📚"


@pytest.fixture
def send(api: Any, new_campaign: Any, list_id: str, work: Any, account: Any) -> Any:
    """Sends an email with this HTML; returns its send history."""

    async def send(html: str, **members: Any) -> list[dict[str, Any]]:
        campaign = await new_campaign(lists=[list_id], **members)
        content = (await api.get(campaign.activity)).body
        assert 200 == (await api.put(campaign.activity, {**content, "html_content": html})).status
        await api.post(campaign.schedules, {"scheduled_date": "0"})
        await work()
        return list((await api.get(f"{campaign.activity}/send_history")).body)

    return send


def body_of(size_bytes: int) -> str:
    return f"<html><body>{PARAGRAPH * (size_bytes // len(PARAGRAPH.encode()))}</body></html>"


@pytest.mark.parametrize("size_bytes", [40_000, 400_000])
async def test_large_bodies_in_any_script_arrive_as_they_were_written(
    send: Any, new_contact: Any, mailbox: Any, size_bytes: int
) -> None:
    await new_contact("sara@example.com", first_name="שרה כהן")
    (entry,) = await send(body_of(size_bytes), subject=SUBJECT, preheader="בקרוב 🎉")
    assert ("COMPLETED", 1, 0) == (entry["send_status"], entry["count"], entry["reason_code"])
    (mail,) = await mailbox()
    message = parsed(mail)
    assert "🎉 שרה כהן: neun neue Bücher 📚" == message["Subject"]
    html, text = shown(mail), shown(mail, "plain")
    count = size_bytes // len(PARAGRAPH.encode())
    line = "Liebe שרה כהן, größere Auswahl! 🎉 שלום"
    assert (count, count) == (html.count(line), text.replace("\n", " ").count(line))
    assert html.index("בקרוב") < html.index(line)
    assert {"utf-8"} == {part.get_content_charset() for part in message.iter_parts()}
    assert all(len(each) <= 998 for each in mail.content.split(b"\r\n"))


async def test_a_mail_that_its_styles_make_too_large_is_not_sent(
    api: Any, send: Any, new_contact: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    style = f"<style>p {{ color: red; font-family: {'Georgia, ' * 20} serif }}</style>"
    html = f"<html><head>{style}</head><body>{'<p>x</p>' * 5_000}</body></html>"
    assert len(html) < 50_000
    (entry,) = await send(html)
    assert ("ERRORED", 0, 1) == (entry["send_status"], entry["count"], entry["reason_code"])
    assert [] == await mailbox()
    assert "Error" == (await api.get("/v3/emails")).body["campaigns"][0]["current_status"]


async def test_an_editor_document_is_sent_for_screens_of_any_width(
    api: Any, new_campaign: Any, new_contact: Any, list_id: str, work: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com", first_name="Ann")
    html = "<table><tr><td>[[FirstName]]</td></tr></table><style>td{color:#111} @media (max-width:480px){td{width:100%}}</style>"
    campaign = await new_campaign(format_type=4, lists=[list_id], html_content=html)
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    (mail,) = await mailbox()
    sent = shown(mail)
    assert '<meta name="viewport" content="width=device-width' in sent
    assert "@media" in sent and "color:#111" in sent.replace(" ", "") and "Ann" in sent


async def test_the_footer_and_the_tags_follow_the_account_and_its_settings(
    api: Any, account: Any, db: Any, send: Any, new_contact: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    settings = MailSettings(
        has_profile_link=False, privacy_policy_url="https://p.example/", data_notice_url="https://d.example/"
    )
    async with db.transaction() as conn:
        await mail_settings.replace(conn, account.account_id, settings)
    await send(
        "[[account.OrganizationName]]|[[account.AddressLine1]]|[[account.City]]|[[account.State]]|[[account.usState]]|"
        "[[account.CountryCode]]|[[account.SignatureEmail]]|[[account.SignatureImageURL]]|[[customPrivacyPolicyUrl]]|"
        "[[partner.x OR &quot;none&quot;]]<a href='[[updateLink]]' class='u'>u</a>"
    )
    (mail,) = await mailbox()
    html = shown(mail)
    line = "Harbor Lane Books|4 Harbor Lane|Portland|Maine|ME|US|owner@harborlane.example||https://p.example/|none"
    assert line in html
    for link in ('href="https://p.example/"', 'href="https://d.example/"', "Our Privacy Policy", "Unsubscribe ann@"):
        assert link in html
    assert "Update Profile" not in html and "/profile/" in html  # the author's own link stays


@pytest.mark.parametrize(
    "source",
    [
        " " * 149_000,
        "<?xml " * 24_000,
        "<Greeting>" * 14_000,
        "<Greeting " * 14_000,
        "<CustomBlock " * 11_000,
        "<OpenTracking" + " " * 149_000,
        " xmlns:cctd=" * 12_000,
    ],
    ids=lambda source: source[:12],
)
def test_older_code_is_made_new_in_no_time_however_it_is_written(source: str) -> None:
    started = time.process_time()
    content.accepted(content.CUSTOM_CODE_LEGACY, source)
    assert time.process_time() - started < 0.5


def test_older_code_is_made_new() -> None:
    source = (
        '<?xml version="1.0"?>\n<html xmlns:cctd="http://x"><body><OpenTracking/><Greeting name="a"/>'
        '<CustomBlock name="b"><p>one</p></CustomBlock><Greeting>Hi</Greeting><CopyRight>two</CopyRight></body></html>'
    )
    expected = "<html><body>[[trackingImage]]<p>one</p>two</body></html>"
    assert (content.CUSTOM_CODE, expected) == content.accepted(content.CUSTOM_CODE_LEGACY, source)
