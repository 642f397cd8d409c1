"""The addresses in a mail that are its recipient's own: pixel, links, unsubscribe, profile, web copy, forward form.

Source: contract, campaigns §6 and §7.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from everpost.ids import UrlId
from everpost.platform import config
from everpost.tracking.tokens import Recipient

_PATHS: Final = {
    "unsubscribe": "u", "updatelink": "profile", "viewaswebpage": "w", "$forward": "f",
    "$click": "c", "$hidden": "l", "$open": "o",
}  # fmt: skip


def addresses() -> dict[str, str]:
    """What stands before the token, by the name of the tag: {"unsubscribe": "https://mail.example/u/", ...}."""
    origin = config.current().origin
    return {name: f"{origin}/{path}/" for name, path in _PATHS.items()}


def tokens(recipient: Recipient, url_ids: Sequence[UrlId]) -> dict[str, str]:
    """The tokens of one message by the names of its slots; `url_ids` are those of its links, in their order.

    The hidden link is the last of them, where a mail has one.
    """
    values = {
        "unsubscribe": recipient.unsubscribe(),
        "updatelink": recipient.profile(),
        "viewaswebpage": recipient.view(),
        "$forward": recipient.forward(),
        "$open": recipient.open(),
    }
    clicks = recipient.clicks(url_ids)
    values.update(zip(_click_names(len(clicks)), clicks, strict=True))
    if clicks:
        values["$hidden"] = clicks[-1]
    return values


@lru_cache(maxsize=1000)
def _click_names(number: int) -> tuple[str, ...]:
    return tuple(f"$click:{each}" for each in range(number))
