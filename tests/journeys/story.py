"""The first journey's steps: authorise, import, write, send, read. Each asserts what a client would rely on."""

import json
import re
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from authlib.integrations.requests_client import OAuth2Session

from tests.journeys.address_books import AddressBook
from tests.journeys.demo import EMAIL, PASSWORD, DemoInstance
from tests.support import forms

CALLBACK = "https://localhost/callback"
SCOPE = "account_read contact_data campaign_data offline_access"
HTML = """<html><head><style>p { color: #123456 }</style></head><body>[[trackingImage]]
<p>Hello [[FirstName OR "dear reader"]], nine new arrivals.</p>
<p><a href="https://harborlane.example/new?ref=mail&amp;who=[[LastName]]">See them</a>
<a href="https://harborlane.example/about">About us</a></p></body></html>"""


class Story:
    """An application's view of one instance."""

    def __init__(self, instance: DemoInstance) -> None:
        self.instance = instance
        self.http = httpx.Client(base_url=instance.url, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def authorise(self) -> dict[str, Any]:
        """Authorization code with PKCE by Authlib, signing in and granting consent on the pages."""
        app = json.loads(
            self.instance.command("app", "create", "--name", "Journey", "--redirect-uri", CALLBACK, "--public")
        )
        oauth = OAuth2Session(
            client_id=app["client_id"], redirect_uri=CALLBACK, scope=SCOPE, code_challenge_method="S256",
            token_endpoint_auth_method="none",
        )  # fmt: skip
        verifier = "v" * 64
        url, _ = oauth.create_authorization_url(
            f"{self.instance.url}/oauth2/default/v1/authorize", code_verifier=verifier
        )
        callback = self._consent(url)
        token: dict[str, Any] = oauth.fetch_token(
            f"{self.instance.url}/oauth2/default/v1/token", authorization_response=callback, code_verifier=verifier
        )
        self.http.headers["Authorization"] = f"Bearer {token['access_token']}"
        return token

    def _consent(self, url: str) -> str:
        with httpx.Client(follow_redirects=True) as browser:
            sign_in = browser.get(url)
            consent = forms.submit(browser, sign_in, **_credentials(sign_in.text))
            browser.follow_redirects = False
            answer = forms.submit(browser, consent, "Allow")
            while "code=" not in answer.headers.get("location", ""):
                answer = browser.get(str(answer.url.join(answer.headers["location"])))
            return str(answer.headers["location"])

    def create_list(self, name: str) -> str:
        answer = self.http.post("/v3/contact_lists", json={"name": name})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["list_id"])

    def start_import(self, book: AddressBook, list_id: str) -> str:
        answer = self.http.post(
            "/v3/activities/contacts_file_import",
            files={"file": ("contacts.csv", book.content, "text/csv")},
            data={"list_ids": list_id},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["activity_id"])

    def activity(self, activity_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v3/activities/{activity_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def await_import(self, activity_id: str) -> dict[str, Any]:
        self.until(lambda: "completed_at" in self.activity(activity_id), 90)
        return self.activity(activity_id)

    def create_campaign(self, list_id: str) -> tuple[str, str]:
        """Returns the campaign's id and its primary activity's."""
        sender = {"from_name": "Harbor Lane", "from_email": EMAIL, "reply_to_email": EMAIL}
        subject = '[[FirstName OR "Reader"]], nine new arrivals'
        content = {"format_type": 5, **sender, "subject": subject, "html_content": HTML}
        answer = self.http.post("/v3/emails", json={"name": "Tide Table 9", "email_campaign_activities": [content]})
        assert answer.status_code == 200, answer.text
        campaign_id, activity_id = (
            answer.json()["campaign_id"],
            answer.json()["campaign_activities"][0]["campaign_activity_id"],
        )
        audience = {**sender, "subject": subject, "contact_list_ids": [list_id]}
        answer = self.http.put(f"/v3/emails/activities/{activity_id}", json=audience)
        assert answer.status_code == 200, answer.text
        return campaign_id, activity_id

    def send_now(self, activity_id: str) -> None:
        answer = self.http.post(f"/v3/emails/activities/{activity_id}/schedules", json={"scheduled_date": "0"})
        assert (201, []) == (answer.status_code, answer.json())

    def report(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = self.http.get(f"/v3/reports/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def tracking(self, activity_id: str, name: str) -> list[dict[str, Any]]:
        """All rows of a tracking report, page by page."""
        rows, path = [], f"/v3/reports/email_reports/{activity_id}/tracking/{name}"
        while path:
            answer = self.http.get(path)
            assert answer.status_code == 200, answer.text
            rows += answer.json()["tracking_activities"]
            path = answer.json().get("_links", {}).get("next", {}).get("href", "")
        return rows

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s\n{self.instance.output()[-4000:]}"
            time.sleep(0.05)


def links_of(html: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', html)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _credentials(page: str) -> dict[str, str]:
    names = re.findall(r'<input[^>]*name="([^"]+)"', page)
    login = next(name for name in names if name in ("email", "login", "username", "user_name"))
    return {login: EMAIL, "password": PASSWORD}
