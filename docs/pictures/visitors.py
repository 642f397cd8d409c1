"""What everybody sees: people who are not signed in, recipients of mails, and those who write programs."""

import re

from pictures.tour import Tour


class Visitors(Tour):
    """Tours of theirs."""

    def start(self) -> None:
        self.page.goto("/")

    def sign_in(self) -> None:
        self.page.goto("/login")

    def sign_in_refused(self) -> None:
        self.enter(password="another password")

    def consent_refused(self) -> None:
        self.page.goto("/oauth2/default/v1/authorize?client_id=nobody")

    def activate(self) -> None:
        self.page.goto("/activate?user_code=BCDKLMRT")

    def mailbox(self) -> None:
        self.page.goto("/mailbox")

    def mailbox_without_a_match(self) -> None:
        self.page.goto("/mailbox?q=winter")

    def mailbox_delete(self) -> None:
        self.page.goto("/mailbox/delete")

    def mail_html(self) -> None:
        self.open_mail("nine new arrivals")
        self.page.frame_locator("iframe").get_by_text("Nine new arrivals").first.wait_for()

    def mail_text(self) -> None:
        self.open_mail("nine new arrivals")
        self.page.get_by_role("link", name="Text", exact=True).click()

    def mail_source(self) -> None:
        self.open_mail("nine new arrivals")
        self.page.get_by_role("link", name="Source").click()

    def confirm_sender(self) -> None:
        self.open_mail("Confirm your sender address")
        found = re.search(r"http://\S+", self.page.locator("pre").inner_text())
        assert found is not None
        self.page.goto(found[0])

    def confirm_opt_in(self) -> None:
        self.ask_to_confirm()
        self.open_mail("Please confirm")
        found = re.search(r"http://\S+/confirm/\S+", self.page.locator("pre").inner_text())
        assert found is not None
        self.page.goto(found[0])

    def opt_in_confirmed(self) -> None:
        self.confirm_opt_in()
        self.page.get_by_role("button", name="Confirm").click()

    def unsubscribe(self) -> None:
        self.open_mail("nine new arrivals")
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

    def reference(self) -> None:
        self.page.goto("/reference")

    def reference_operation(self) -> None:
        self.page.goto("/reference/create_contact")
        self.page.get_by_role("button", name="Execute").wait_for()

    def reference_answer(self) -> None:
        self.enter("/login?next=/reference/list_tags")
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
