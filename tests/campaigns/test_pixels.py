"""The author decides with `[[trackingImage]]` whether a mail tells that it was opened. Source: campaigns.md §6.1."""

import re
from typing import Any

import pytest

from tests.campaigns.conftest import parsed


@pytest.mark.parametrize(
    ("html", "opens"),
    [
        ('[[trackingImage]]<a href="https://shop.example/">Shop</a>', 1),
        ('<a href="https://shop.example/">Shop</a>', 3),
    ],
)
async def test_clicks_in_a_mail_without_a_pixel_are_opens(
    api: Any, account: Any, list_id: str, new_campaign: Any, new_contact: Any, work: Any, mailbox: Any, html: str,
    opens: int,
) -> None:  # fmt: skip
    contact = await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id], html_content=f"<html><body>{html}</body></html>")
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    (mail,) = await mailbox()
    content = parsed(mail).get_body(("html",)).get_content()
    assert ("/o/" in content) == ("trackingImage" in html)
    (path,) = re.findall(r"/c/[\w-]+", content)
    for _ in range(3):
        assert (await api.get(path)).status == 302
    reports = f"/v3/reports/email_reports/{campaign.activity_id}/tracking"
    for name, count in (("clicks", 3), ("opens", opens), ("unique_opens", 1)):
        found = (await api.get(f"{reports}/{name}")).body["tracking_activities"]
        assert (name, count) == (name, len(found))
        assert {str(contact)} == {each["contact_id"] for each in found}
