"""Windows of people: a visitor's, the owner's, and as many more as a test opens."""

from collections.abc import AsyncIterator, Callable

import pytest

from everpost.platform.http import App
from tests.portal.window import Window
from tests.support.fixtures import Account


@pytest.fixture
async def open_window(app: App) -> AsyncIterator[Callable[[], Window]]:
    opened: list[Window] = []

    def open_one() -> Window:
        opened.append(Window(app))
        return opened[-1]

    yield open_one
    for window in opened:
        await window.client.aclose()


@pytest.fixture
def visitor(open_window: Callable[[], Window]) -> Window:
    return open_window()


@pytest.fixture
async def owner(open_window: Callable[[], Window], account: Account) -> Window:
    """The owner of `account`, signed in."""
    window = open_window()
    await window.sign_in(account.email)
    return window
