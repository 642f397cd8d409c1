"""The addresses that bounces come back to."""

import pytest

from everpost.delivery import return_paths
from everpost.delivery.return_paths import ReturnPath
from everpost.ids import ContactId, new_id
from everpost.platform.config import Settings


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> Settings:
    return settings


def test_an_address_leads_back_to_its_message_whatever_its_case() -> None:
    contact_id = ContactId(new_id())
    local = return_paths.mint("b", 123_456, contact_id)
    assert len(local) <= 64
    assert ReturnPath("b", 123_456, contact_id) == return_paths.read(local) == return_paths.read(local.upper())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "u" + text[1:],
        lambda text: text[:-1],
        lambda text: text[:9] + "a7"[text[9] == "a"] + text[10:],
        lambda text: "b-",
        lambda text: "info",
    ],
)
def test_an_altered_address_leads_nowhere(change: object) -> None:
    local = return_paths.mint("b", 1, ContactId(new_id()))
    assert return_paths.read(change(local)) is None  # type: ignore[operator]
