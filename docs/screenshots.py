"""Take a picture of every page: light and dark, wide and narrow, into docs/images.

Starts an instance on a fresh data folder, fills it by the API as an application would, and looks at it with a headless
Chromium (EVERPOST_CHROMIUM names another one). `python docs/screenshots.py [name ...]` takes only those pages.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
EMAIL, PASSWORD = "demo@everpost.example", "a demo password"
CALLBACK = "https://shelf.example/callback"
SIZES = {"wide": 1280, "narrow": 400}
TALLEST = 2400
HTML = """<!doctype html><html><head><title>New arrivals</title><style>
body { margin: 0; background: #f4f1ea; font-family: Georgia, serif; color: #2b2b2b }
.sheet { max-width: 34rem; margin: 0 auto; padding: 2rem; background: #fffdf8 }
a { color: #8a3b12 }</style></head><body><div class="sheet">
<h1>Nine new arrivals</h1><p>Hello [[FirstName OR "dear reader"]],</p>
<p>the boxes are unpacked: two atlases of tides, a cookbook for very small boats, and six novels in which it rains.</p>
<p><a href="https://harborlane.example/new">See what is on the table by the door</a></p>
<p>Yours,<br>Harbor Lane Books</p></div></body></html>"""
READER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
READERS = ["Ana Nuñez", "Bjørn Dahl", "Chloé Garçon", "Jürgen Müller", "Łukasz Nowak", "Zoë Parker"]


class Instance:
    """A running everpost, and an application's client for it."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        folder.chmod(0o755)  # PostgreSQL's own account must pass through it
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")},
            "EVERPOST_DATA": str(folder / "data"),
            "EVERPOST_PORT": str(port),
            "EVERPOST_DEMO_PASSWORD": PASSWORD,
        }
        self._process = subprocess.Popen(self._command("up"), env=self._environment, stderr=subprocess.DEVNULL)
        wait_for(self._answers)
        self.api = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.run('token')}"}, timeout=30)

    def run(self, *arguments: str) -> str:
        return subprocess.check_output(self._command(*arguments), env=self._environment, text=True).strip()

    def stop(self) -> None:
        self.api.close()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "everpost", *arguments]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One request, slower than the limit of four a second."""
        time.sleep(0.3)
        answer = self.api.request(method, f"/v3{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()


def fill(instance: Instance) -> None:
    """A list of readers, a campaign that reached them, and a sender address that waits for its confirmation."""
    list_id = instance.call("POST", "/contact_lists", name="Readers")["list_id"]
    for name in READERS:
        first, last = name.split()
        address = {"address": f"{ascii_of(first)}.{ascii_of(last)}@reader.example", "permission_to_send": "implicit"}
        reader = {"email_address": address, "first_name": first, "last_name": last, "list_memberships": [list_id]}
        instance.call("POST", "/contacts", create_source="Account", **reader)
    sender = {"from_name": "Harbor Lane Books", "from_email": EMAIL, "reply_to_email": EMAIL}
    subject = '[[FirstName OR "Reader"]], nine new arrivals'
    content = {"format_type": 5, **sender, "subject": subject, "html_content": HTML}
    made = instance.call("POST", "/emails", name="Arrivals in spring", email_campaign_activities=[content])
    activity = f"/emails/activities/{made['campaign_activities'][0]['campaign_activity_id']}"
    instance.call("PUT", activity, **sender, subject=subject, contact_list_ids=[list_id])
    instance.call("POST", f"{activity}/schedules", scheduled_date="0")
    instance.call("POST", "/account/emails", email_address="letters@harborlane.example")
    wait_for(lambda: f"{len(READERS) + 1} mails" in httpx.get(f"{instance.url}/mailbox").text)


def ascii_of(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower().translate(str.maketrans("ñøéçüłë", "noecule")))


class Tour:
    """How to come to each page; the methods' names are the pictures' names."""

    def __init__(self, instance: Instance, page: Page, application: dict[str, str], television: dict[str, str]) -> None:
        self.instance = instance
        self.page = page
        self.application = application
        self.television = television

    def start(self) -> None:
        self.page.goto("/")

    def start_signed_in(self) -> None:
        self._sign_in()
        self.page.goto("/")

    def sign_in(self) -> None:
        self.page.goto("/login")

    def sign_in_refused(self) -> None:
        self._sign_in(password="another password")

    def sign_out(self) -> None:
        self._sign_in()
        self.page.goto("/login/logout")

    def consent(self) -> None:
        asked = {
            "client_id": self.application["client_id"],
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "account_read contact_data campaign_data offline_access",
            "state": "s",
        }
        self._sign_in("/oauth2/default/v1/authorize?" + urlencode(asked))

    def consent_refused(self) -> None:
        self.page.goto("/oauth2/default/v1/authorize?client_id=nobody")

    def activate(self) -> None:
        self.page.goto("/activate?user_code=BCDKLMRT")

    def activate_refused(self) -> None:
        self._sign_in()
        self._activate("BCDKLMRT")

    def device(self) -> None:
        asked = {"client_id": self.television["client_id"], "scope": "contact_data offline_access"}
        told = httpx.post(f"{self.instance.url}/oauth2/default/v1/device/authorize", data=asked).json()
        self._sign_in()
        self._activate(told["user_code"])

    def device_connected(self) -> None:
        self.device()
        self.page.get_by_role("button", name="Allow").click()

    def mailbox(self) -> None:
        self.page.goto("/mailbox")

    def mailbox_without_a_match(self) -> None:
        self.page.goto("/mailbox?q=winter")

    def mailbox_delete(self) -> None:
        self.page.goto("/mailbox/delete")

    def mail_html(self) -> None:
        self._mail("nine new arrivals")
        self.page.frame_locator("iframe").get_by_text("Nine new arrivals").first.wait_for()

    def mail_text(self) -> None:
        self._mail("nine new arrivals")
        self.page.get_by_role("link", name="Text", exact=True).click()

    def mail_source(self) -> None:
        self._mail("nine new arrivals")
        self.page.get_by_role("link", name="Source").click()

    def confirm_sender(self) -> None:
        self._mail("Confirm your sender address")
        found = re.search(r"http://\S+", self.page.locator("pre").inner_text())
        assert found is not None
        self.page.goto(found[0])

    def confirm_opt_in(self) -> None:
        self._ask_to_confirm()
        self._mail("Please confirm")
        found = re.search(r"http://\S+/confirm/\S+", self.page.locator("pre").inner_text())
        assert found is not None
        self.page.goto(found[0])

    def opt_in_confirmed(self) -> None:
        self.confirm_opt_in()
        self.page.get_by_role("button", name="Confirm").click()

    def unsubscribe(self) -> None:
        self._mail("nine new arrivals")
        address = self.page.frame_locator("iframe").get_by_role("link", name="Unsubscribe").get_attribute("href")
        assert address is not None
        self.page.goto(address)

    def unsubscribed(self) -> None:
        self.unsubscribe()
        self.page.get_by_role("button", name="Unsubscribe").click()

    def nothing_here(self) -> None:
        self.page.goto("/u/altered")

    def sign_up(self) -> None:
        self.page.goto("/portal/signup")

    def sign_up_refused(self) -> None:
        self.page.goto("/portal/signup")
        texts = {"Email address": "ida@pier9.example", "First name": "Ida", "Last name": "Reed", "Password": "password"}
        for label, text in {**texts, "Organization": "Pier 9 Books", "Phone number": "555-010-2030"}.items():
            self.page.get_by_label(label).fill(text)
        self.page.get_by_role("button", name="Sign up").click()

    def forgotten_password(self) -> None:
        self.page.goto("/portal/reset")

    def menu(self) -> None:
        self._sign_in()
        if self.page.get_by_role("button", name="Menu").is_visible():
            self.page.get_by_role("button", name="Menu").click()

    def applications(self) -> None:
        self._own_application()
        self.page.goto("/portal/apps")

    def new_application(self) -> None:
        self._sign_in("/login?next=/portal/apps/new")

    def application_details(self) -> None:
        self._own_application()

    def application_secret(self) -> None:
        self._own_application()
        self.page.get_by_role("link", name=re.compile("Generate")).click()
        self.page.get_by_role("button", name="Generate secret").click()

    def delete_application(self) -> None:
        self._own_application()
        self.page.get_by_role("link", name="Delete application").click()

    def organization(self) -> None:
        self._sign_in("/login?next=/account")

    def postal_address(self) -> None:
        self._sign_in("/login?next=/account/address")

    def sender_addresses(self) -> None:
        self._sign_in("/login?next=/account/senders")

    def sending_domain(self) -> None:
        self._sign_in("/login?next=/account/domains")
        self.page.get_by_label("Domain").fill("harborlane.example")
        self.page.get_by_role("button", name="Add the domain").click()

    def people(self) -> None:
        self._sign_in("/login?next=/account/people")

    def connected_applications(self) -> None:
        self.consent()
        self.page.context.route("https://shelf.example/**", lambda route: route.fulfill(body="Back"))
        if self.page.get_by_role("button", name="Allow").is_visible():
            self.page.get_by_role("button", name="Allow").click()
        self.page.goto("/account/applications")

    def campaigns(self) -> None:
        self._sign_in("/login?next=/campaigns")

    def report(self) -> None:
        self._read_mails()
        self.campaigns()
        self.page.get_by_role("link", name="Arrivals in spring").click()
        self.page.locator("iframe").scroll_into_view_if_needed()

    def report_people(self) -> None:
        self.report()
        self.page.get_by_role("link", name="Clicked").click()

    def contact_activity(self) -> None:
        self.report_people()
        self.page.get_by_role("link", name="@reader.example").first.click()
        self.page.get_by_text("Everything").wait_for(state="attached")

    def activities(self) -> None:
        self._import()
        self._sign_in("/login?next=/activities")

    def activity(self) -> None:
        self.activities()
        self.page.get_by_role("link", name="Import contacts").first.click()

    def activity_cancel(self) -> None:
        self.activity()
        self.page.goto(f"{self.page.url}/cancel")

    def security(self) -> None:
        self._sign_in("/login?next=/account/security")

    def second_factor(self) -> None:
        self._sign_in("/login?next=/account/security/second-factor")

    def reference(self) -> None:
        self.page.goto("/reference")

    def reference_operation(self) -> None:
        self.page.goto("/reference/create_contact")
        self.page.get_by_role("button", name="Execute").wait_for()

    def reference_answer(self) -> None:
        self._sign_in("/login?next=/reference/list_tags")
        self.page.locator("#try").get_by_role("button", name="Sign in").click()
        self.page.get_by_text("Signed in until you leave this page.").wait_for()
        self.page.get_by_role("button", name="Execute").click()
        self.page.get_by_text("Response body").wait_for()

    def guides(self) -> None:
        self.page.goto("/portal/docs")

    def getting_started(self) -> None:
        self.page.goto("/portal/docs/getting-started")

    def guide(self) -> None:
        self.page.goto("/portal/docs/authorization")

    def _sign_in(self, path: str = "/login", password: str = PASSWORD) -> None:
        self.page.goto(path)
        self.page.get_by_label("Email address").fill(EMAIL)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def _import(self) -> None:
        """A few people, two of whom cannot be imported."""
        list_id = self.instance.call("GET", "/contact_lists")["lists"][0]["list_id"]
        people = [{"email": address} for address in ("ida@reader.example", "nobody", "noor@reader.example", "x@y")]
        made = self.instance.call("POST", "/activities/contacts_json_import", list_ids=[list_id], import_data=people)
        path = f"/activities/{made['activity_id']}"
        wait_for(lambda: self.instance.call("GET", path)["state"] == "completed")

    def _ask_to_confirm(self) -> None:
        """A person who waits for the account to hear that they want its mail."""
        address = {"address": f"{uuid4().hex[:8]}@reader.example", "permission_to_send": "pending_confirmation"}
        self.instance.call("POST", "/contacts", create_source="Account", email_address=address)
        wait_for(lambda: address["address"] in httpx.get(f"{self.instance.url}/mailbox").text)

    def _read_mails(self) -> None:
        """Some readers open the campaign's mail, and follow its link."""
        found = httpx.get(f"{self.instance.url}/mailbox", params={"q": "nine new arrivals"}).text
        for mail in sorted(set(re.findall(r'href="(/mailbox/[0-9a-f-]{36})"', found)))[:4]:
            html = httpx.get(f"{self.instance.url}{mail}/html").text
            for address in re.findall(r'(?:src="[^"]+/o/|href="[^"]+/c/)[^"]+', html):
                httpx.get(unescape(address.partition('"')[2]), headers={"User-Agent": READER})

    def _own_application(self) -> None:
        """The details of an application that the demo account's owner registered."""
        self._sign_in("/login?next=/portal/apps")
        self.page.wait_for_url("**/portal/apps")
        if not self.page.get_by_role("link", name="Shelf for the shop").count():
            self.page.goto("/portal/apps/new")
            self.page.get_by_label("Name").fill("Shelf for the shop")
            self.page.get_by_role("button", name="Register application").click()
        else:
            self.page.get_by_role("link", name="Shelf for the shop").click()

    def _activate(self, user_code: str) -> None:
        self.page.goto(f"/activate?user_code={user_code}")
        self.page.get_by_role("button", name="Continue").click()

    def _mail(self, subject: str) -> None:
        self.page.goto("/mailbox")
        self.page.get_by_role("link", name=subject).first.click()


def names() -> list[str]:
    return [name for name in vars(Tour) if not name.startswith("_")]


def photograph(browser: Browser, instance: Instance, chosen: list[str]) -> None:
    application = json.loads(instance.run("app", "create", "--name", "Bookshelf", "--redirect-uri", CALLBACK))
    television = json.loads(instance.run("app", "create", "--name", "Shop window", "--device"))
    for scheme in ("light", "dark"):
        for size, width in SIZES.items():
            for name in chosen:
                context = browser.new_context(
                    base_url=instance.url, color_scheme=scheme, viewport={"width": width, "height": 800}
                )
                page = context.new_page()
                getattr(Tour(instance, page, application, television), name)()
                page.wait_for_load_state("networkidle")
                # What is below says nothing new, and would make the picture of a long page weigh a megabyte.
                height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
                shown: Any = {"x": 0, "y": 0, "width": width, "height": height}
                path = IMAGES / f"{name.replace('_', '-')}-{scheme}-{size}.png"
                page.screenshot(path=path, full_page=True, clip=shown)
                context.close()


@contextlib.contextmanager
def started() -> Iterator[Instance]:
    with tempfile.TemporaryDirectory(prefix="everpost-pictures-", ignore_cleanup_errors=True) as folder:
        instance = Instance(Path(folder))
        try:
            yield instance
        finally:
            instance.stop()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the instance did not come that far in time")
        time.sleep(0.1)


def main() -> None:
    chromium = os.environ.get("EVERPOST_CHROMIUM") or shutil.which("chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    IMAGES.mkdir(exist_ok=True)
    with started() as instance, sync_playwright() as playwright:
        fill(instance)
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        photograph(browser, instance, sys.argv[1:] or names())
        browser.close()


if __name__ == "__main__":
    main()
