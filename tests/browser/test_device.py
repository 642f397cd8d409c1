"""A person lets in a device that has no browser of its own."""

import json
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import FAULTS
from tests.journeys.demo import DemoInstance


@pytest.fixture(scope="module")
def television(instance: DemoInstance) -> str:
    made = json.loads(instance.command("app", "create", "--name", "Shop window", "--device"))
    return str(made["client_id"])


def start(instance: DemoInstance, television: str) -> dict[str, str]:
    asked = {"client_id": television, "scope": "contact_data"}
    told: dict[str, str] = httpx.post(f"{instance.url}/oauth2/default/v1/device/authorize", data=asked).json()
    return told


def ask(instance: DemoInstance, television: str, device_code: str) -> int:
    asked = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device_code}
    return httpx.post(f"{instance.url}/oauth2/default/v1/token", data={**asked, "client_id": television}).status_code


@pytest.mark.parametrize("width", [400, 1280])
def test_a_person_follows_the_link_signs_in_compares_the_code_and_allows(
    page: Page, sign_in: Callable[[], None], instance: DemoInstance, television: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    told = start(instance, television)
    page.goto(told["verification_uri_complete"])
    expect(page.get_by_label("Code")).to_have_value(told["user_code"])
    page.get_by_role("button", name="Continue").click()
    sign_in()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Connect Shop window?")).to_be_visible()
    expect(page.get_by_text(f"{told['user_code'][:4]}-{told['user_code'][4:]}")).to_be_visible()
    assert page.evaluate(FAULTS) == []
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Your device is connected")).to_be_visible()
    assert page.evaluate(FAULTS) == []
    assert ask(instance, television, told["device_code"]) == 200


def test_a_wrong_code_is_explained_and_a_person_can_say_no(
    page: Page, sign_in: Callable[[], None], instance: DemoInstance, television: str
) -> None:
    told = start(instance, television)
    page.goto("/login")
    sign_in()
    page.goto("/activate")
    page.get_by_label("Code").fill("BBBB-BBBB")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This code is not known")).to_be_visible()
    assert page.evaluate(FAULTS) == []
    page.get_by_label("Code").fill(told["user_code"].lower())
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", name="Your device was not connected")).to_be_visible()
    assert ask(instance, television, told["device_code"]) == 400
