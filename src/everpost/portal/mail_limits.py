"""What the operator of the server has set about all mail, worded for the account whose mail it is.

Nothing here can be changed by an account: these limits protect what everybody's mail depends on.
Source: contract, campaigns.md §5.3, §5.4, §9.
"""

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from everpost.delivery import signing, warm_ups
from everpost.delivery.signing import NoKey
from everpost.ids import AccountId
from everpost.platform import config
from everpost.platform.db import Conn

Standing: TypeAlias = Literal["signed", "unsigned", "rewritten", "refused"]


class Sender(Struct, frozen=True):
    """A sender address, and what recipients see in its place."""

    address: str
    standing: Standing
    visible: str


class Limit(Struct, frozen=True):
    """One limit: its name, what it is now, and what it does in one sentence."""

    name: str
    value: str
    meaning: str


async def sender(conn: Conn, account_id: AccountId, address: str) -> Sender:
    try:
        visible = await signing.visible_sender(conn, account_id, address)
    except NoKey:
        return Sender(address, "refused", "")
    if visible != address:
        return Sender(address, "rewritten", visible)
    is_signed = await signing.is_covered(conn, account_id, address)
    return Sender(address, "signed" if is_signed else "unsigned", address)


def limits(domains: list[str]) -> list[Limit]:
    """As the settings are; `domains` are those that the account sends from."""
    settings = config.current()
    return [
        Limit(
            "Your account",
            _per_minute(settings.account_per_minute),
            "So many messages of your account leave in a minute; the others wait their turn.",
        ),
        Limit(
            "Each receiving domain",
            "; ".join([_per_minute(settings.domain_per_minute), *_exceptions(settings.domain_limits)]),
            "So many go to the addresses of one domain; a provider that asks for less gets less for a while.",
        ),
        Limit(
            "Warm-up",
            _plan(settings.warm_up, domains),
            "A sending domain that is new begins slowly, so that mailbox providers come to know it.",
        ),
        Limit(
            "Pause after bounces",
            _share(settings.pause_bounce_percent),
            f"A campaign with at least {settings.pause_after_messages:,} messages out stops by itself when so many of "
            "them bounced; you are told by mail, and can resume it.",
        ),
        Limit(
            "Pause after complaints",
            _share(settings.pause_complaint_percent),
            "The same, when so many recipients reported it as spam.",
        ),
    ]


def _per_minute(number: int) -> str:
    return f"{number:,} a minute" if number else "No limit"


def _share(percent: float) -> str:
    return f"At {percent:g} %" if percent else "Never"


def _exceptions(text: str) -> list[str]:
    pairs = [entry.partition("=") for entry in re.split(r"[\s,]+", text) if entry]
    return [f"{domain}: {_per_minute(int(number)).lower()}" for domain, _, number in pairs]


def _plan(text: str, domains: list[str]) -> str:
    days = [f"{int(number):,}" for number in re.split(r"[\s,]+", text) if number]
    concerned = [domain for domain in dict.fromkeys(domains) if warm_ups.concerns(domain)]
    if not days or not concerned:
        return "None"
    last = (
        f"{', '.join(days)} messages on the first {len(days)} days" if len(days) > 1 else f"{days[0]} on the first day"
    )
    return f"{last}, then no limit ({', '.join(concerned)})"
