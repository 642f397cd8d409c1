"""What kind of device asked: computer, mobile, tablet, other; None when it did not say.

Source: contract, campaigns.md §6.4.
"""

import re
from functools import lru_cache
from typing import Literal, TypeAlias

import ua_parser

DeviceType: TypeAlias = Literal["computer", "mobile", "tablet", "other"]

# A mail provider that fetches pictures for its users hides their devices behind a desktop browser's name.
_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
_TABLET = re.compile(r"iPad|Kindle|\bSilk\b|PlayBook|Android(?!.*Mobile)", re.IGNORECASE)
_PHONE = re.compile(r"iPhone|iPod|Android|Windows Phone|BlackBerry|BB10|Opera Mini|\bMobile\b", re.IGNORECASE)
# Programs of desktop computers that do not name the system they run on.
_DESKTOP_MAIL = re.compile(r"Thunderbird|Lotus-Notes|Microsoft Outlook|Apple Mail|Evolution/|KMail", re.IGNORECASE)

_DESKTOP_SYSTEMS = frozenset(
    {"Windows", "Mac OS X", "Mac OS", "Linux", "Chrome OS", "Ubuntu", "Debian", "Fedora", "Red Hat", "SUSE", "Mint"}
    | {"Arch Linux", "CentOS", "Gentoo", "Slackware", "FreeBSD", "OpenBSD", "NetBSD", "Solaris"}
)


@lru_cache(maxsize=10_000)
def device_type(user_agent: str) -> DeviceType | None:
    """`user_agent` is the header as it came, or an empty string."""
    if not user_agent.strip():
        return None
    if _PROXY.search(user_agent):
        return "other"
    if _TABLET.search(user_agent):
        return "tablet"
    if _PHONE.search(user_agent):
        return "mobile"
    if _DESKTOP_MAIL.search(user_agent) or _is_desktop_system(user_agent):
        return "computer"
    return "other"


def _is_desktop_system(user_agent: str) -> bool:
    system = ua_parser.parse_os(user_agent)
    # Televisions run Linux too.
    return system is not None and system.family in _DESKTOP_SYSTEMS and "TV" not in user_agent
