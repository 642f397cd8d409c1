"""The form of an automation: what stands in it at first, what was typed, and how its parts are called."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from everpost.campaigns.automations import MOST_DAYS_BEFORE, Automation, Kind, NewAutomation
from everpost.ids import ListId
from everpost.platform import validation

FIELDS: Final = [field.name for field in msgspec.structs.fields(NewAutomation)]
KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    "welcome": ("Welcome mail", "To everybody who joins a list by themselves, within a minute."),
    "birthday": ("Birthday mail", "Every year, on a contact's birthday or some days before it."),
    "anniversary": ("Anniversary mail", "Every year, on a contact's anniversary or some days before it."),
}
DAYS_BEFORE: Final = [("0", "On the day itself"), ("1", "1 day before")] + [
    (str(days), f"{days} days before") for days in range(2, MOST_DAYS_BEFORE + 1)
]

_SUBJECTS: Final[Mapping[Kind, str]] = {
    "welcome": 'Welcome, [[FirstName OR "dear reader"]]',
    "birthday": 'Happy birthday, [[FirstName OR "dear reader"]]',
    "anniversary": 'To your anniversary, [[FirstName OR "dear reader"]]',
}
_TEXTS: Final[Mapping[Kind, str]] = {
    "welcome": "Thank you for signing up. We are glad that you are here.",
    "birthday": "All the best for your birthday!",
    "anniversary": "All the best for your anniversary!",
}
_START: Final = """\
<html>
<body style="margin:0;background:#f4f4f1;font-family:Arial,Helvetica,sans-serif;color:#222222">
[[trackingImage]]
<div style="max-width:560px;margin:0 auto;padding:32px;background:#ffffff">
<p>Hello [[FirstName OR "dear reader"]],</p>
<p>{text}</p>
<p>[[account.OrganizationName]]</p>
</div>
</body>
</html>
"""


def start(kind: Kind, senders: list[str]) -> dict[str, str]:
    """What a new one says until somebody writes something better."""
    sender = senders[0] if senders else ""
    return {
        "subject": _SUBJECTS[kind],
        "from_email": sender,
        "reply_to_email": sender,
        "html_content": _START.format(text=_TEXTS[kind]),
    }


def shown(automation: NewAutomation) -> dict[str, str]:
    """What its form holds."""
    return {name: str(value) for name, value in msgspec.structs.asdict(automation).items() if name in FIELDS}


def read(kind: Kind, form: Mapping[str, str]) -> NewAutomation:
    """As it was typed; whether it is in order is the action's business."""
    typed = {name: form.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}
    list_id, days = typed["list_id"], typed["days_before"]
    return NewAutomation(
        kind=kind,
        from_name=typed["from_name"],
        from_email=typed["from_email"],
        reply_to_email=typed["reply_to_email"],
        subject=typed["subject"],
        preheader=typed["preheader"],
        html_content=typed["html_content"],
        list_id=ListId(UUID(list_id)) if validation.is_uuid(list_id) else None,
        days_before=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else -1 if days else 0,
    )


def occasion(automation: Automation, names: Mapping[ListId, str]) -> str:
    """When it is sent, in a few words."""
    if automation.list_id is not None:
        name = names.get(automation.list_id)
        return f"Who joins “{name}”" if name else "Who joins a list that was deleted"
    return dict(DAYS_BEFORE)[str(automation.days_before)]
