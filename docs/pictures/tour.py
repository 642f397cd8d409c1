"""What all tours through the pages share: who looks, and the ways that several of them take."""

import re
from html import unescape
from uuid import uuid4

import httpx
from pictures.instance import EMAIL, PASSWORD, Instance, wait_for
from playwright.sync_api import Page

CALLBACK = "https://shelf.example/callback"
READER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


class Tour:
    """How to come to each page; the methods' names are the pictures' names."""

    def __init__(self, instance: Instance, page: Page, application: dict[str, str], television: dict[str, str]) -> None:
        self.instance = instance
        self.page = page
        self.application = application
        self.television = television

    def enter(self, path: str = "/login", password: str = PASSWORD) -> None:
        self.page.goto(path)
        self.page.get_by_label("Email address").fill(EMAIL)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def import_people(self) -> None:
        """A few people, two of whom cannot be imported."""
        list_id = self.instance.call("GET", "/contact_lists")["lists"][0]["list_id"]
        people = [{"email": address} for address in ("ida@reader.example", "nobody", "noor@reader.example", "x@y")]
        made = self.instance.call("POST", "/activities/contacts_json_import", list_ids=[list_id], import_data=people)
        path = f"/activities/{made['activity_id']}"
        wait_for(lambda: self.instance.call("GET", path)["state"] == "completed")

    def ask_to_confirm(self) -> None:
        """A person who waits for the account to hear that they want its mail."""
        address = {"address": f"{uuid4().hex[:8]}@reader.example", "permission_to_send": "pending_confirmation"}
        self.instance.call("POST", "/contacts", create_source="Account", email_address=address)
        wait_for(lambda: address["address"] in httpx.get(f"{self.instance.url}/mailbox").text)

    def read_mails(self) -> None:
        """Some readers open the campaign's mail, and follow its link."""
        found = httpx.get(f"{self.instance.url}/mailbox", params={"q": "nine new arrivals"}).text
        for mail in sorted(set(re.findall(r'href="(/mailbox/[0-9a-f-]{36})"', found)))[:4]:
            html = httpx.get(f"{self.instance.url}{mail}/html").text
            for address in re.findall(r'(?:src="[^"]+/o/|href="[^"]+/c/)[^"]+', html):
                httpx.get(unescape(address.partition('"')[2]), headers={"User-Agent": READER})

    def own_application(self) -> None:
        """The details of an application that the demo account's owner registered."""
        self.enter("/login?next=/portal/apps")
        self.page.wait_for_url("**/portal/apps")
        if not self.page.get_by_role("link", name="Shelf for the shop").count():
            self.page.goto("/portal/apps/new")
            self.page.get_by_label("Name").fill("Shelf for the shop")
            self.page.get_by_role("button", name="Register application").click()
        else:
            self.page.get_by_role("link", name="Shelf for the shop").click()

    def type_code(self, user_code: str) -> None:
        self.page.goto(f"/activate?user_code={user_code}")
        self.page.get_by_role("button", name="Continue").click()

    def open_mail(self, subject: str) -> None:
        self.page.goto("/mailbox")
        self.page.get_by_role("link", name=subject).first.click()
