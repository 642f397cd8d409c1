"""`everpost app limit`: how often an application may call."""

from typing import Annotated
from uuid import UUID

import typer

from everpost.cli import acting
from everpost.ids import AppId
from everpost.oauth import apps
from everpost.platform import config
from everpost.platform.shared_counts import MOST_PER_SECOND

_FOLLOWS_THE_SETTING = "default"
_NONE = "off"


def limit_app(
    client_id: Annotated[UUID, typer.Argument(help="The application, by the API key that `app create` printed.")],
    *,
    per_second: Annotated[str, typer.Option(help="Requests in any second; `off` for no limit.")] = _FOLLOWS_THE_SETTING,
    per_day: Annotated[str, typer.Option(help="Requests in a UTC day; `off` for no limit.")] = _FOLLOWS_THE_SETTING,
) -> None:
    """Give an application limits of its own. What is left out follows the settings again."""
    second = _read(per_second, "--per-second", most=MOST_PER_SECOND)
    day = _read(per_day, "--per-day")
    acting.in_transaction(lambda conn: apps.limit(conn, AppId(client_id), per_second=second, per_day=day))
    settings = config.current()
    print(f"per second: {_shown(second, settings.rate_per_second)}")
    print(f"per day: {_shown(day, settings.rate_per_day)}")


def _read(text: str, option: str, *, most: int = 2**31 - 1) -> int | None:
    """None follows the setting, 0 is no limit."""
    if text == _FOLLOWS_THE_SETTING:
        return None
    if text == _NONE:
        return 0
    if text.isascii() and text.isdigit() and int(text) <= most:
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number up to {most} nor `off`.", param_hint=option)


def _shown(own: int | None, setting: int) -> str:
    number = setting if own is None else own
    return f"{number or 'no limit'}" + (" (as the settings say)" if own is None else "")
