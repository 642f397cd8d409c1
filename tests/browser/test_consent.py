"""A person signs in and lets an application in."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Page, expect

from tests.browser.applications import STATE, authorize
from tests.journeys.demo import DemoInstance


def answer_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_a_person_signs_in_and_grants_consent(
    page: Page, sign_in: Callable[[], None], instance: DemoInstance, application: dict[str, str], callback: str
) -> None:
    page.goto(authorize(application, callback))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in()
    expect(page.get_by_role("heading", name="Bookshelf")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="contact_data")).to_be_visible()
    page.get_by_role("button", name="Allow").click()

    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()
    assert page.url.startswith(callback)
    assert answer_of(page)["state"] == STATE
    token = httpx.post(
        f"{instance.url}/oauth2/default/v1/token",
        auth=(application["client_id"], application["client_secret"]),
        data={"grant_type": "authorization_code", "code": answer_of(page)["code"], "redirect_uri": callback},
    )
    assert token.status_code == 200, token.text
    bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert httpx.get(f"{instance.url}/v3/contact_lists", headers=bearer).status_code == 200


def test_consent_once_given_is_not_asked_for_again(
    page: Page, sign_in: Callable[[], None], application: dict[str, str], callback: str
) -> None:
    page.goto(authorize(application, callback))
    sign_in()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()
    first = answer_of(page)["code"]
    page.goto(authorize(application, callback))
    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()
    assert answer_of(page)["code"] != first


def test_signing_in_is_enough_where_consent_was_given_before(
    page: Page, sign_in: Callable[[], None], application: dict[str, str], callback: str
) -> None:
    page.goto(authorize(application, callback))
    sign_in()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()
    page.context.clear_cookies()
    page.goto(authorize(application, callback))
    sign_in()
    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()


def test_a_person_can_say_no(
    page: Page, sign_in: Callable[[], None], application: dict[str, str], callback: str
) -> None:
    page.goto(authorize(application, callback))
    sign_in()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", name="Back in the application")).to_be_visible()
    assert (answer_of(page)["error"], answer_of(page)["state"]) == ("access_denied", STATE)


def test_a_wrong_password_is_told_and_the_address_stays_filled_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("Email address").fill("nobody@example.org")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    expect(page.get_by_label("Email address")).to_have_value("nobody@example.org")
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_person_signs_out_again(page: Page, sign_in: Callable[[], None]) -> None:
    page.goto("/login")
    sign_in()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Sign in")).to_be_visible()
