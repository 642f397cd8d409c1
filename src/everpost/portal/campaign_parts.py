"""What the screens of one campaign share: the campaign itself, and whether it still is what a form showed.

A form carries a mark of what it showed. Whoever saves over something else than that is told first: so two windows do no
harm to each other, and a form that is sent twice says the same thing twice.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from everpost.campaigns import campaign_activities, campaigns, states
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.shapes import ActivityIn, Campaign
from everpost.ids import AccountId, CampaignId
from everpost.platform import validation
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError, Conflict, Invalid, dotted
from everpost.platform.http import Html
from everpost.portal import campaign_words, forms
from everpost.portal.forms import OTHER, Problems

READ: Final[dict[str, Any]] = {"privilege": "campaign:read", "bad_id_status": 404}
WRITE: Final[dict[str, Any]] = {"privilege": "campaign:write", "bad_id_status": 404}
SEND: Final[dict[str, Any]] = {"privilege": "campaign:send", "bad_id_status": 404}
DELETE: Final[dict[str, Any]] = {"privilege": "campaign:delete", "bad_id_status": 404}


class ChangedMeanwhile(Conflict):
    """This was changed in another window meanwhile. Look at it once more, then go on."""


class Opened(msgspec.Struct, frozen=True):
    """A campaign that is not removed, with its email."""

    campaign: Campaign
    email: Stored

    @property
    def may_change(self) -> bool:
        return self.email.status in states.RULES["edit"].starts


async def find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Opened:
    """Raises: CampaignNotFound, also for a removed one."""
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    email = await campaign_activities.require(conn, account_id, activity_id)
    return Opened(await campaigns.get(conn, account_id, campaign_id), email)


async def hold(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Opened:
    """The same, and nobody else changes it until the transaction ends. Raises: CampaignNotFound."""
    await states.hold(conn, account_id, campaign_id)
    return await find(conn, account_id, campaign_id)


def mark(shown: object) -> str:
    """Stands for what a form showed; the same for the same."""
    return hashlib.sha256(msgspec.json.encode(shown, order="sorted")).hexdigest()[:20]


def check_mark(form: Mapping[str, str], stored: object, wanted: object) -> None:
    """Raises: ChangedMeanwhile, unless what is stored is what the form showed, or already what is wanted."""
    if form.get("mark") != mark(stored) and mark(wanted) != mark(stored):
        raise ChangedMeanwhile


def unchanged(email: Stored, **changes: Any) -> ActivityIn:
    """The email as it is, for an action that replaces it as a whole, with a few members changed. Raises: Invalid."""
    if unstorable := validation.control_characters(changes):
        raise Invalid(*map(dotted, unstorable))
    members: dict[str, Any] = {
        "from_name": email.from_name,
        "from_email": email.from_email,
        "reply_to_email": email.reply_to_email,
        "subject": email.subject,
        "preheader": email.preheader,
        "contact_list_ids": email.contact_list_ids,
        "segment_ids": email.segment_ids,
    }
    return ActivityIn(**{**members, **changes})


def number(text: str) -> int | str:
    """What somebody typed as the number it is; anything else stays a text, which no rule for numbers accepts."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def page(template: str, opened: Opened, *, error: ApiError | None = None, **context: Any) -> Html:
    """A screen of a campaign: everything that fields can show, and what is wrong with them."""
    fields = context.get("values", {})
    return Html(
        template,
        200 if error is None else error.status,
        campaign=opened.campaign,
        email=opened.email,
        address=f"/campaigns/{opened.campaign.campaign_id}",
        problems=Problems() if error is None else problems(error, fields),
        **context,
    )


def problems(error: ApiError, fields: Mapping[str, object]) -> Problems:
    """What is wrong, by field; what belongs to no field of this form is worded for people."""
    found = forms.problems(error, fields)
    if OTHER in found:
        others = [each for each in error.messages if each.partition(" ")[0].partition("[")[0] not in fields]
        found[OTHER] = " ".join(dict.fromkeys(campaign_words.worded(message)[1] for message in others))
    return found
