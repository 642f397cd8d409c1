"""Why a message did not arrive: one letter for whatever a server said.

B no such mailbox · D unreachable · F mailbox full · S on hold · V automatic answer · X other · Z refused by policy.

Rules: read the steps of `classify` from top to bottom, the first that fits decides. Text is compared in lower case.
Source: contract, reporting §4.2.
"""

import re
from typing import Final

from everpost.delivery.smtp import Stage
from everpost.tracking.events import BounceCode

# Not a part of an IP address or of a version, which replies quote as well.
_STATUS: Final = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\w)")

_FULL: Final = re.compile(r"quota|mailbox (?:is )?full|exceeded storage|insufficient storage")
_MISSING: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|address)|does(?: not|n't) exist|invalid recipient"
    r"|recipient not found|mailbox (?:unavailable|not found|disabled|inactive)"
    r"|account (?:disabled|deactivated|closed)|not a valid (?:mailbox|user)"
)
# What relays say of a domain that is not there, or has a null MX: some of it with the words of a missing mailbox, which
# would put an address on hold that nobody ever asked about. Of the sender's domain it says nothing about a recipient.
_NO_DOMAIN: Final = re.compile(
    r"nxdomain|null ?mx|(?:domain|host)(?: or domain name)? not found|no such (?:domain|host)|unknown (?:domain|host)"
    r"|domain (?:name )?(?:\S+ )?(?:does(?: not|n't) exist|does not accept mail)|non-?existent domain"
    r"|name (?:service error|or service not known)|no mx\b"
)
_SENDER: Final = "sender address"
_REJECTED: Final = "recipient address rejected"
_POLICY: Final = re.compile(
    r"spam|blocked|block ?list|black ?list|deny ?list|reputation|policy|not authorized|unauthenticated"
    r"|\bspf\b|\bdkim\b|\bdmarc\b|listed (?:at|by|in)\b|\brbl\b|content rejected|rate[ -]?limit"
    r"|too many (?:messages|connections)|grey ?list"
)

# By enhanced status without its class (4 or 5), then with it.
_STATUSES: Final[dict[str, BounceCode]] = {
    "5.1.1": "B", "5.1.6": "B", "5.1.2": "D", "5.1.10": "D", "5.4.4": "D", "5.1.7": "Z", "5.1.8": "Z",
    "5.2.0": "X", "5.2.1": "B", "5.2.3": "X", "5.2.4": "X", "5.4.1": "B", "5.4.14": "X", "5.4.6": "X",
    "4.4.1": "D", "4.4.2": "D", "4.4.7": "D", "5.4.7": "D", "5.4.0": "D",
}  # fmt: skip
_DETAILS: Final[dict[str, BounceCode]] = {"2.2": "F", "3.4": "X", "4.3": "D", "4.6": "D"}
_SUBJECTS: Final[dict[str, BounceCode]] = {"3": "X", "5": "X", "6": "X", "7": "Z"}

_CODES: Final[dict[int, BounceCode]] = {421: "D", 450: "D", 451: "D", 452: "F", 521: "Z", 571: "Z", 556: "D"}


def classify(code: int, text: str, stage: Stage) -> BounceCode:
    """The letter for a final reply: `code` is 0 when no server said anything, as when none could be reached.

    What was temporary is classified when it was given up, by its last reply.
    """
    said = text.lower()
    status = _STATUS.search(text)
    is_permanent = 500 <= code < 600 or (status is not None and status[1] == "5")
    enhanced = status[0] if status else ""
    if _FULL.search(said) or enhanced.endswith(".2.2"):
        return "F"
    if is_permanent and _SENDER not in said and _NO_DOMAIN.search(said):
        return "D"
    if is_permanent and (_MISSING.search(said) or (_REJECTED in said and re.match(r"5\.(?:4\.1|1\.\d+)$", enhanced))):
        return "B"
    if _POLICY.search(said):
        return "Z"
    if status is not None and (found := _by_status(status, stage)) is not None:
        return found
    return _by_code(code, stage)


def _by_status(status: re.Match[str], stage: Stage) -> BounceCode | None:
    whole, subject, detail = status[0], status[2], status[3]
    if whole in ("5.1.0", "5.1.3"):
        return "B" if stage is Stage.RCPT else "X"
    return _STATUSES.get(whole) or _DETAILS.get(f"{subject}.{detail}") or _SUBJECTS.get(subject)


def _by_code(code: int, stage: Stage) -> BounceCode:
    if code == 0:
        return "D"
    if code in (550, 551, 553) and stage is Stage.RCPT:
        return "B"
    if code in (550, 554) and stage is Stage.DATA:
        return "Z"
    if code == 554 and stage in (Stage.BANNER, Stage.MAIL):
        return "Z"
    if code == 552:
        return "F" if stage is Stage.RCPT else "X"
    return _CODES.get(code, "X")
