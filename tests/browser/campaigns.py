"""A campaign that went out, was opened and clicked, as an application and its readers would do it."""

import html
import re
from functools import cache
from typing import Any

import httpx

from tests.journeys.demo import EMAIL, DemoInstance
from tests.support.instance import await_true

SUBJECT = "Nine new arrivals"
TABLE, BOATS = "https://harborlane.example/table", "https://harborlane.example/boats"
HTML = f"""<html><body style="margin:0;background:#f4f1ea;font-family:Georgia,serif;color:#2b2b2b">[[trackingImage]]
<div style="max-width:34rem;margin:0 auto;padding:2rem;background:#fffdf8"><h1>Nine new arrivals</h1>
<p>Two atlases of tides, and six novels in which it rains.</p>
<p><a href="{TABLE}">See what is on the table by the door</a></p><p><a href="{BOATS}">A cookbook for very small boats</a></p>
<p>Yours,<br>Harbor Lane Books</p></div></body></html>"""
SENDER = {"from_name": "Harbor Lane Books", "from_email": EMAIL, "reply_to_email": EMAIL, "subject": SUBJECT}
READERS = ("Ana", "Bjorn", "Chloe", "Jurgen")
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
DESK = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@cache
def reported(instance: DemoInstance) -> dict[str, str]:
    """The paths of the pages about it."""
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.token()}"}) as api:
        contact_ids, activity_id, campaign_id = _send(api)
        await_true(lambda: len(_mails(instance)) == len(READERS), 60)
        first, second, *_ = sorted(_mails(instance))
        for path in (_pixel(instance, first), _link(instance, first, TABLE), _link(instance, first, BOATS)):
            httpx.get(path, headers={"User-Agent": PHONE})
        for path in (_pixel(instance, second), _link(instance, second, TABLE)):
            httpx.get(path, headers={"User-Agent": DESK})
        tracking = f"/v3/reports/email_reports/{activity_id}/tracking"
        await_true(lambda: len(_rows(api, f"{tracking}/clicks")) == 3 and len(_rows(api, f"{tracking}/opens")) == 2, 30)
        clicked = _rows(api, f"{tracking}/clicks")[-1]["contact_id"]
        draft = _draft(api, "Letters in summer")["campaign_id"]
    assert clicked in contact_ids
    return {
        "campaign": f"/campaigns/{campaign_id}",
        "contact": f"/contacts/{clicked}/activity",
        "draft": f"/campaigns/{draft}",
    }


def _send(api: httpx.Client) -> tuple[list[str], str, str]:
    list_id = _made(api, "/v3/contact_lists", name="Readers of reports")["list_id"]
    contact_ids = [
        _made(
            api,
            "/v3/contacts",
            create_source="Account",
            first_name=name,
            email_address={"address": f"{name.lower()}@shelf.example", "permission_to_send": "implicit"},
            list_memberships=[list_id],
        )["contact_id"]
        for name in READERS
    ]
    made = _draft(api, "Arrivals in spring")
    activity_id = made["campaign_activities"][0]["campaign_activity_id"]
    activity = f"/v3/emails/activities/{activity_id}"
    api.put(activity, json={**SENDER, "contact_list_ids": [list_id]}).raise_for_status()
    _made(api, f"{activity}/schedules", scheduled_date="0")
    return contact_ids, activity_id, made["campaign_id"]


def _draft(api: httpx.Client, name: str) -> Any:
    content = {"format_type": 5, **SENDER, "html_content": HTML}
    return _made(api, "/v3/emails", name=name, email_campaign_activities=[content])


def _made(api: httpx.Client, path: str, **body: Any) -> Any:
    return api.post(path, json=body).raise_for_status().json()


def _rows(api: httpx.Client, path: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = api.get(path).json()["tracking_activities"]
    return rows


def _mails(instance: DemoInstance) -> set[str]:
    page = httpx.get(f"{instance.url}/mailbox", params={"q": "@shelf.example"}).text
    return set(re.findall(r'href="(/mailbox/[0-9a-f-]{36})"', page))


def _pixel(instance: DemoInstance, mail: str) -> str:
    found = re.search(r'src="([^"]+/o/[^"]+)"', httpx.get(f"{instance.url}{mail}/html").text)
    assert found is not None
    return html.unescape(found[1])


def _link(instance: DemoInstance, mail: str, url: str) -> str:
    """The tracked address behind a link: those of a mail stand in the order of its links."""
    found = re.findall(r'href="([^"]+/c/[^"]+)"', httpx.get(f"{instance.url}{mail}/html").text)
    return html.unescape(found[[TABLE, BOATS].index(url)])
