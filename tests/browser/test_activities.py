"""The bars of bulk activities move by themselves, and without scripts the page asks again."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.journeys.demo import EMAIL, PASSWORD, DemoInstance


def _import(instance: DemoInstance, count: int) -> str:
    headers = {"Authorization": f"Bearer {instance.token()}"}
    lists = httpx.get(f"{instance.url}/v3/contact_lists", headers=headers).json()["lists"]
    people = [{"email": f"person{number}@x.example", "first_name": "Person"} for number in range(count)]
    body = {"list_ids": [lists[0]["list_id"]], "import_data": people}
    posted = httpx.post(f"{instance.url}/v3/activities/contacts_json_import", headers=headers, json=body, timeout=30)
    return f"/activities/{posted.json()['activity_id']}"


def test_a_bar_moves_until_the_activity_is_over(
    page: Page, instance: DemoInstance, sign_in: Callable[[], None]
) -> None:
    page.goto("/login?next=/activities")
    sign_in()
    path = _import(instance, 20_000)
    page.goto("/activities")
    row = page.get_by_role("row").filter(has=page.locator(f'a[href="{path}"]'))
    expect(row.get_by_text("Completed")).to_be_visible(timeout=60_000)
    assert row.get_by_role("progressbar").get_attribute("value") == "100"
    page.goto(path)
    expect(page.locator("#counters")).to_contain_text("20,000")


def test_without_scripts_the_page_is_loaded_again(browser: Browser, instance: DemoInstance) -> None:
    context = browser.new_context(base_url=instance.url, java_script_enabled=False)
    opened = context.new_page()
    opened.goto("/login?next=/activities")
    opened.get_by_label("Email address").fill(EMAIL)
    opened.get_by_label("Password").fill(PASSWORD)
    opened.get_by_role("button", name="Sign in").click()
    path = _import(instance, 20_000)
    opened.goto(path)
    expect(opened.get_by_text("Completed")).to_be_visible(timeout=60_000)
    context.close()
