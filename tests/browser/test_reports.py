"""The pages about campaigns in a browser: charts drawn from their tables, the mail with its clicks, filters."""

from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.browser.campaigns import BOATS, TABLE, reported
from tests.journeys.demo import DemoInstance


def test_a_report_has_charts_a_heat_map_and_the_people_behind_each_number(
    page: Page, instance: DemoInstance, sign_in: Callable[[], None]
) -> None:
    paths = reported(instance)
    page.goto("/login?next=/campaigns")
    sign_in()
    page.get_by_role("link", name="Arrivals in spring").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Arrivals in spring")

    lines = page.locator("figure[data-chart=lines]")
    expect(lines.locator("canvas")).to_be_visible()
    assert is_painted(page, "figure[data-chart=lines] canvas")
    assert is_painted(page, "figure[data-chart=bars] canvas")
    expect(lines.locator("table")).to_be_hidden()
    lines.locator("summary").click()
    expect(lines.get_by_role("table")).to_be_visible()
    lines.locator("canvas").hover()

    frame = page.frame_locator("iframe.heat-map")
    expect(frame.get_by_text("See what is on the table by the door")).to_contain_text("2")
    expect(frame.get_by_text("A cookbook for very small boats")).to_contain_text("1")

    page.get_by_role("link", name=TABLE).click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("On which link").select_option(label=BOATS)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert len(download.value.path().read_text("utf-8").splitlines()) == 2
    page.get_by_role("link", name="@shelf.example").click()
    assert page.url == f"{instance.url}{paths['contact']}"
    expect(page.locator(".timeline .badge")).to_have_text(["Clicked", "Clicked", "Opened", "Sent"])


def test_without_scripts_the_numbers_are_there_as_tables(
    browser: Browser, instance: DemoInstance, page: Page, sign_in: Callable[[], None]
) -> None:
    path = reported(instance)["campaign"]
    page.goto("/login")
    sign_in()
    page.wait_for_url(f"{instance.url}/")
    context = browser.new_context(
        base_url=instance.url, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    opened = context.new_page()
    opened.goto(path)
    expect(opened.locator("figure[data-chart=lines] table")).to_be_visible()
    expect(opened.locator("figure canvas")).to_have_count(0)
    context.close()


def is_painted(page: Page, canvas: str) -> bool:
    """Whether there is a drawing, and not only its ground."""
    painted: bool = page.locator(canvas).evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    )
    return painted
