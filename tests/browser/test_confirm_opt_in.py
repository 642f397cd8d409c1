"""The page behind a confirmation mail, from the mail to the button, with and without eyes."""

import re
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import faults_of, view
from tests.journeys.demo import DemoInstance

__all__ = ["view"]


@pytest.fixture
def waiting(instance: DemoInstance) -> str:
    """The address of a contact who is asked to confirm."""
    address = f"{uuid4().hex[:12]}@fernwick.example"
    email = {"address": address, "permission_to_send": "pending_confirmation"}
    httpx.post(
        f"{instance.url}/v3/contacts", json={"create_source": "Account", "email_address": email},
        headers={"Authorization": f"Bearer {instance.token()}"},
    ).raise_for_status()  # fmt: skip
    return address


def test_a_reader_confirms(view: Page, waiting: str) -> None:
    view.goto(f"/mailbox?q={waiting}")
    for _ in range(40):
        if view.get_by_text("Please confirm").count():
            break
        view.wait_for_timeout(250)
        view.reload()
    view.get_by_text("Please confirm").first.click()
    found = re.search(r"http://\S+/confirm/\S+", view.locator("pre").inner_text())
    assert found is not None

    view.goto(found[0])
    assert [] == faults_of(view)
    view.get_by_role("button", name="Confirm").press("Enter")

    expect(view.get_by_role("heading", level=1)).to_have_text("Thank you, you are subscribed")
    assert [] == faults_of(view)
