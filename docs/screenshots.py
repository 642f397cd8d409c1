"""Take a picture of every page: light and dark, wide and narrow, into docs/images.

Starts an instance on a fresh data folder, fills it by the API as an application would, and looks at it with a headless
Chromium (EVERPOST_CHROMIUM names another one). `python docs/screenshots.py [name ...]` takes only those pages.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from pictures.audience import Audience
from pictures.automatic import Automatic
from pictures.instance import Instance, fill, started
from pictures.marketers import Marketers
from pictures.members import Members
from pictures.tour import CALLBACK, Tour
from pictures.visitors import Visitors
from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZES = {"wide": 1280, "narrow": 400}
TALLEST = 2400
TOURS: dict[str, type[Tour]] = {
    name: tour
    for tour in (Visitors, Members, Marketers, Audience, Automatic)
    for name in vars(tour)
    if not name.startswith("_")
}


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
                getattr(TOURS[name](instance, page, application, television), name)()
                page.wait_for_load_state("networkidle")
                # The menu follows a reader; here it stays at the top, wherever the tour has scrolled to.
                page.evaluate("document.querySelector('.side')?.style.setProperty('position', 'static')")
                # What is below says nothing new, and would make the picture of a long page weigh a megabyte.
                height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
                shown: Any = {"x": 0, "y": 0, "width": width, "height": height}
                path = IMAGES / f"{name.replace('_', '-')}-{scheme}-{size}.png"
                page.screenshot(path=path, full_page=True, clip=shown)
                context.close()


def main() -> None:
    chromium = os.environ.get("EVERPOST_CHROMIUM") or shutil.which("chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    IMAGES.mkdir(exist_ok=True)
    with started() as instance, sync_playwright() as playwright:
        fill(instance)
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        photograph(browser, instance, sys.argv[1:] or list(TOURS))
        browser.close()


if __name__ == "__main__":
    main()
