"""What goes by itself: automations, the settings of all mail, and the pages that recipients come to."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from pictures.instance import EMAIL, HTML, wait_for
from pictures.tour import Tour

SUBJECT = "Welcome to the harbor"
NORA, IDA = "nora.quade@reader.example", "ida.reed@reader.example"


class Automatic(Tour):
    """Tours of it."""

    def automations(self) -> None:
        self._welcome()
        self.enter("/login?next=/automations")

    def automation(self) -> None:
        self.automations()
        self.page.get_by_role("link", name=SUBJECT).click()
        self.page.locator("iframe").scroll_into_view_if_needed()
        self.page.frame_locator("iframe").get_by_text("Nine new arrivals").first.wait_for()

    def new_automation(self) -> None:
        self.enter("/login?next=/automations/new?kind=birthday")

    def mail_settings(self) -> None:
        self.enter("/login?next=/account/mail")

    def profile(self) -> None:
        self._follow("Update Profile")

    def profile_refused(self) -> None:
        self.profile()
        self.page.get_by_label("Birthday: month").select_option("May")
        self.page.get_by_role("button", name="Save").click()

    def new_address(self) -> None:
        self.profile()
        self.page.get_by_label("Email address").fill("nora@quarry.example")
        self.page.get_by_role("button", name="Save").click()
        self.page.get_by_text("Your profile is saved").wait_for()
        wait_for(lambda: "nora@quarry.example" in httpx.get(f"{self.instance.url}/mailbox").text)
        self.open_mail("Please confirm your new address")
        found = re.search(r"http://\S+/profile-address/\S+", self.page.locator("pre").inner_text())
        assert found is not None
        self.page.goto(found[0])

    def forward_to_friend(self) -> None:
        self._follow("Forward email")

    def suppressed_address(self) -> None:
        self._welcome()
        self.enter(f"/login?next=/account/suppressions?address={IDA}")

    def _follow(self, link: str) -> None:
        self._welcome()
        self.open_mail(SUBJECT)
        address = self.page.frame_locator("iframe").get_by_role("link", name=link).get_attribute("href")
        assert address is not None
        self.page.goto(address)

    def _welcome(self) -> None:
        """A welcome mail that is on, somebody who got it, and somebody who wants none."""
        if json.loads(self.instance.run("automation", "list")):
            return
        self.instance.run("account", "settings", EMAIL, "has_forward_link=true", "visible_lists=Readers")
        with TemporaryDirectory() as folder:
            html = Path(folder) / "welcome.html"
            html.write_text(HTML, "utf-8")
            written = (
                "--html",
                str(html),
                "--subject",
                SUBJECT,
                "--from-email",
                EMAIL,
                "--from-name",
                "Harbor Lane Books",
            )
            made = json.loads(self.instance.run("automation", "create", "welcome", "--list", "Readers", *written))
        self.instance.run("automation", "on", made["automation_id"])
        lists = self.instance.call("GET", "/contact_lists")["lists"]
        list_ids = [each["list_id"] for each in lists if each["name"] == "Readers"]
        reader = {"email_address": NORA, "first_name": "Nora", "last_name": "Quade", "list_memberships": list_ids}
        self.instance.call("POST", "/contacts/sign_up_form", **reader)
        left = {"address": IDA, "permission_to_send": "unsubscribed", "opt_out_reason": "I get too many emails"}
        self.instance.call("POST", "/contacts", create_source="Contact", email_address=left)
        wait_for(lambda: SUBJECT in httpx.get(f"{self.instance.url}/mailbox").text)
