"""What people see who are signed in: consent, applications, the account and their own security."""

import re
from urllib.parse import urlencode

import httpx
from pictures.tour import CALLBACK, Tour


class Members(Tour):
    """Tours of theirs."""

    def start_signed_in(self) -> None:
        self.enter()
        self.page.goto("/")

    def sign_out(self) -> None:
        self.enter()
        self.page.goto("/login/logout")

    def consent(self) -> None:
        asked = {
            "client_id": self.application["client_id"],
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "account_read contact_data campaign_data offline_access",
            "state": "s",
        }
        self.enter("/oauth2/default/v1/authorize?" + urlencode(asked))

    def activate_refused(self) -> None:
        self.enter()
        self.type_code("BCDKLMRT")

    def device(self) -> None:
        asked = {"client_id": self.television["client_id"], "scope": "contact_data offline_access"}
        told = httpx.post(f"{self.instance.url}/oauth2/default/v1/device/authorize", data=asked).json()
        self.enter()
        self.type_code(told["user_code"])

    def device_connected(self) -> None:
        self.device()
        self.page.get_by_role("button", name="Allow").click()

    def menu(self) -> None:
        self.enter()
        if self.page.get_by_role("button", name="Menu").is_visible():
            self.page.get_by_role("button", name="Menu").click()

    def applications(self) -> None:
        self.own_application()
        self.page.goto("/portal/apps")

    def new_application(self) -> None:
        self.enter("/login?next=/portal/apps/new")

    def application_details(self) -> None:
        self.own_application()

    def application_secret(self) -> None:
        self.own_application()
        self.page.get_by_role("link", name=re.compile("Generate")).click()
        self.page.get_by_role("button", name="Generate secret").click()

    def delete_application(self) -> None:
        self.own_application()
        self.page.get_by_role("link", name="Delete application").click()

    def organization(self) -> None:
        self.enter("/login?next=/account")

    def postal_address(self) -> None:
        self.enter("/login?next=/account/address")

    def sender_addresses(self) -> None:
        self.enter("/login?next=/account/senders")

    def sending_domain(self) -> None:
        self.enter("/login?next=/account/domains")
        self.page.get_by_label("Domain").fill("harborlane.example")
        self.page.get_by_role("button", name="Add the domain").click()

    def people(self) -> None:
        self.enter("/login?next=/account/people")

    def connected_applications(self) -> None:
        self.consent()
        self.page.context.route("https://shelf.example/**", lambda route: route.fulfill(body="Back"))
        if self.page.get_by_role("button", name="Allow").is_visible():
            self.page.get_by_role("button", name="Allow").click()
        self.page.goto("/account/applications")

    def security(self) -> None:
        self.enter("/login?next=/account/security")

    def second_factor(self) -> None:
        self.enter("/login?next=/account/security/second-factor")
