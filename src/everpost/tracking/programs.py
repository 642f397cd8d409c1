"""Programs that say by their own name that no person looks: privacy proxies, security scanners, link checkers.

Rules: a name alone takes nothing out of a report, for the contract counts whoever asks; it is kept beside the event,
so that pages can tell people from programs. A mail provider's picture cache is no such program: it asks when its
reader looks.
Source: contract, campaigns.md §6.3; the names are those that the makers publish.
"""

import re
from functools import lru_cache
from typing import Final, Literal

# Apple's privacy proxy loads every picture of a mail, read or not, and gives no more of a name than this.
_PROXY: Final = re.compile(r"\s*Mozilla/5\.0\s*", re.IGNORECASE)
_SCANNER: Final = re.compile(
    # "Cubot" makes telephones.
    r"(?<!cu)bot\b|crawler|spider|scanner|link.?check|urlcheck|previewer|UriPreview"
    r"|Barracuda|Proofpoint|Mimecast|MessageLabs|Symantec|Sophos|Trend ?Micro|Forcepoint|Websense|IronPort|FireEye"
    r"|Zscaler|Cloudmark|BitDefender|Kaspersky|Avanan|Vade ?Secure|SafeLinks|Google-Safety|urlscan|VirusTotal"
    r"|facebookexternalhit|WhatsApp/|HeadlessChrome|PhantomJS|libwww-perl|python-requests|python-urllib|python-httpx"
    r"|aiohttp|Go-http-client|Apache-HttpClient|^Java/|^curl/|^Wget/|^PHP/|^Ruby",
    re.IGNORECASE,
)


@lru_cache(maxsize=10_000)
def kind(user_agent: str) -> Literal["proxy", "scanner"] | None:
    """`user_agent` is the header as it came; None when nothing in it speaks against a person."""
    if _PROXY.fullmatch(user_agent):
        return "proxy"
    return "scanner" if _SCANNER.search(user_agent) else None
