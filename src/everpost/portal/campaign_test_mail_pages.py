"""A proof of a campaign to a few addresses, before everybody gets it."""

import re
from collections.abc import Mapping
from typing import Final

from everpost.campaigns import test_sends
from everpost.campaigns.shapes import TestSendIn
from everpost.ids import CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_parts, forms
from everpost.portal.campaign_parts import Opened

pages: Final = Pages(tag="Email Scheduling")

_BETWEEN: Final = re.compile(r"[\s,;]+")
_NUMBERED: Final = re.compile(r"email_addresses\[(\d+)\] does not have a valid value")


@pages.get("/campaigns/{campaign_id}/test-mail", **campaign_parts.SEND)
async def show_test_mail(conn: Conn, session: Session, campaign_id: CampaignId) -> Html:
    """The form, with the address of whoever looks at it."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    return _page(opened, {"email_addresses": session.email})


@pages.post("/campaigns/{campaign_id}/test-mail", **campaign_parts.SEND)
async def send_test_mail(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """Send it."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    typed = [each for each in _BETWEEN.split(form.get("email_addresses", "")) if each]
    try:
        async with savepoint(conn):
            new = forms.checked(
                TestSendIn, {"email_addresses": typed, "personal_message": form.get("personal_message", "")}
            )
            await test_sends.create(conn, session.account_id, opened.email.campaign_activity_id, new)
    except ApiError as error:
        return _page(opened, form, error=_named(error, typed) if isinstance(error, Invalid) else error)
    return redirect(f"/campaigns/{campaign_id}/setup?done=tested")


def _named(error: Invalid, typed: list[str]) -> Invalid:
    """The same, with the addresses that are wrong instead of their numbers."""
    wrong = [typed[int(found[1])] for each in error.messages if (found := _NUMBERED.match(each))]
    others = [each for each in error.messages if not _NUMBERED.match(each)]
    named = [f"email_addresses holds no address that mail can be sent to: {', '.join(wrong)}."] if wrong else []
    return Invalid(*others, *named)


def _page(opened: Opened, values: Mapping[str, str], *, error: ApiError | None = None) -> Html:
    return campaign_parts.page(
        "portal/campaign_test_mail.html",
        opened,
        values={name: values.get(name, "") for name in ("email_addresses", "personal_message")},
        most=test_sends.PER_CALL,
        error=error,
    )
