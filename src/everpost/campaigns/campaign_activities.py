"""The parts of a campaign: the email that is edited and sent, and its public web copy.

Rules: only the primary_email can be changed; the permalink shows its headers and no audience. A change replaces the
top-level members as a set (one left out is cleared), while `html_content` stays when left out and the footer address is
merged by member. Activities of a removed campaign do not exist.
Source: contract, campaigns.md §3.7, §3.8.
"""

import re
from collections.abc import Collection
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct

from everpost.accounts import accounts, addresses, sender_emails
from everpost.campaigns import audience, content, footer_addresses, permalinks, states
from everpost.campaigns.errors import CampaignNotFound, StateForbids
from everpost.campaigns.shapes import (
    MAX_PREHEADER,
    Activity,
    ActivityIn,
    FooterAddress,
    FooterAddressIn,
    Include,
    NewActivity,
    Role,
)
from everpost.delivery.footer import PostalAddress
from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ListId, SegmentId, new_id
from everpost.platform import clock, validation
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Invalid

_LINES = ("from_name", "from_email", "reply_to_email", "subject", "preheader")


class Stored(Struct):
    """An activity with everything but the body; a resend has a status and a subject of its own."""

    campaign_activity_id: CampaignActivityId
    campaign_id: CampaignId
    role: Role
    status: states.Status
    was_sent: bool
    format_type: int
    from_name: str
    from_email: str
    reply_to_email: str
    subject: str
    preheader: str | None
    document_id: UUID | None
    physical_address: FooterAddress | None
    contact_list_ids: list[ListId]
    segment_ids: list[SegmentId]


async def get(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, include: Collection[Include] = ()
) -> Activity:
    """Raises: CampaignNotFound."""
    stored = await require(conn, account_id, activity_id)
    is_permalink = stored.role == "permalink"
    return Activity(
        campaign_activity_id=stored.campaign_activity_id,
        campaign_id=stored.campaign_id,
        role=stored.role,
        contact_list_ids=[] if is_permalink else stored.contact_list_ids,
        segment_ids=[] if is_permalink else stored.segment_ids,
        current_status=stored.status,
        format_type=stored.format_type,
        from_email=stored.from_email,
        from_name=stored.from_name,
        reply_to_email=stored.reply_to_email,
        subject=stored.subject,
        preheader=stored.preheader or UNSET,
        document_id=stored.document_id or UNSET,
        **await _included(conn, account_id, stored, include),
    )


async def require(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> Stored:
    """Raises: CampaignNotFound."""
    stored = await _find(conn, account_id, activity_id)
    if stored is None:
        raise CampaignNotFound
    return stored


async def require_primary(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> Stored:
    """Raises: CampaignNotFound, StateForbids for any other role."""
    stored = await require(conn, account_id, activity_id)
    if stored.role != "primary_email":
        raise StateForbids(role_problem(stored))
    return stored


async def primary_of(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> CampaignActivityId:
    """The email of a campaign. Raises: CampaignNotFound."""
    activity_id = await one(
        conn,
        UUID,
        """
        SELECT campaign_activity_id
          FROM campaign_activities
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND role = 'primary_email'""",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    if activity_id is None:
        raise CampaignNotFound
    return CampaignActivityId(activity_id)


def role_problem(stored: Stored) -> str:
    return f"Campaign activity has the role {stored.role}; the operation needs the primary_email."


async def replace(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, new: ActivityIn) -> Activity:
    """Set content and audience. Raises: Invalid, CampaignNotFound, StateForbids."""
    stored = await _find(conn, account_id, activity_id)
    if stored is None:
        raise _missing(new)
    # From here on nobody else changes this campaign, so merging into what is stored loses no other change.
    await states.hold(conn, account_id, stored.campaign_id)
    stored = await require(conn, account_id, activity_id)
    address = _merged(stored.physical_address, new.physical_address_in_footer)
    found = await _problems_of_change(conn, account_id, new, stored.format_type, address)
    if found:
        raise Invalid(*found)
    if stored.role != "primary_email":
        raise StateForbids(role_problem(stored))
    await states.edit(conn, account_id, stored.campaign_id, now=clock.now())
    await _update(conn, account_id, stored.campaign_id, new, address)
    if new.html_content is not None and content.shows_html(stored.format_type):
        await _update_html(conn, account_id, stored.campaign_id, new.html_content)
    return await get(conn, account_id, activity_id, _subresources(new))


async def problems_of_new(conn: Conn, account_id: AccountId, new: NewActivity, path: str) -> list[str]:
    """What keeps the only activity of a new campaign from being stored, each text beginning with `path`."""
    found = _line_problems(new, path)
    found += await sender_problems(conn, account_id, new.from_email, new.reply_to_email, path)
    _, html = content.accepted(new.format_type, new.html_content)
    found += content.problems(html, f"{path}html_content")
    address = _merged(None, new.physical_address_in_footer)
    if address is not None:
        found += footer_addresses.problems(address, f"{path}{footer_addresses.PATH}")
    return found


async def store_new(conn: Conn, account_id: AccountId, campaign_id: CampaignId, new: NewActivity) -> None:
    """Keep the content of a new campaign; it has no audience yet."""
    format_type, html = content.accepted(new.format_type, new.html_content)
    await _insert(
        conn,
        account_id,
        campaign_id,
        lines=_lines(new),
        format_type=format_type,
        html=html,
        document_id=new_id() if format_type == content.EDITOR else None,
        address=_merged(None, new.physical_address_in_footer),
    )


async def rewrite(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, *, html: str, preheader: str | None
) -> None:
    """Replace the body, whatever the format, and the line that an inbox shows beside the subject.

    Raises: StateForbids, CampaignNotFound, Invalid.
    """
    found = [*content.problems(html), *_preheader_problems(preheader)]
    if found:
        raise Invalid(*found)
    await states.edit(conn, account_id, campaign_id, now=clock.now())
    await _rewrite(conn, account_id, campaign_id, html, preheader)


async def sender_problems(
    conn: Conn, account_id: AccountId, from_email: str, reply_to_email: str, path: str = ""
) -> list[str]:
    """Only confirmed addresses of the account may stand in From and Reply-To."""
    senders = {"from_email": from_email.strip(), "reply_to_email": reply_to_email.strip()}
    return [
        f"{path}{field} is not a confirmed email address of this account."
        for field, address in senders.items()
        if await sender_emails.find_confirmed(conn, account_id, address) is None
    ]


async def footer_address(conn: Conn, account_id: AccountId, stored: Stored) -> FooterAddress | None:
    """The activity's own address, else the account's, else None."""
    if stored.physical_address is not None:
        return footer_addresses.shown(stored.physical_address)
    address = await addresses.find(conn, account_id)
    if address is None:
        return None
    name = await accounts.organization_name(conn, account_id)
    return footer_addresses.shown(footer_addresses.of_account(name, address))


def own_address(stored: Stored) -> PostalAddress | None:
    """What the footer prints instead of the account's address."""
    address = stored.physical_address
    return None if address is None else footer_addresses.printed(address)


async def written(conn: Conn, account_id: AccountId, stored: Stored) -> Content:
    """What its author wrote, for delivery to render."""
    html = await html_of(conn, account_id, stored.campaign_id)
    return Content(html=html, subject=stored.subject, preheader=stored.preheader or "")


async def html_of(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> str:
    """The body as its author wrote it."""
    html = await one(
        conn,
        str,
        "SELECT html_content FROM campaign_contents WHERE account_id = :account_id AND campaign_id = :campaign_id",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return html or ""


async def _included(conn: Conn, account_id: AccountId, stored: Stored, include: Collection[Include]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if "html_content" in include and content.shows_html(stored.format_type):
        members["html_content"] = await html_of(conn, account_id, stored.campaign_id)
    if "permalink_url" in include and stored.was_sent:
        members["permalink_url"] = await permalinks.url(conn, account_id, stored.campaign_id)
    if "physical_address_in_footer" in include:
        members["physical_address_in_footer"] = await footer_address(conn, account_id, stored) or UNSET
    return members


def _missing(new: ActivityIn) -> Invalid | CampaignNotFound:
    """What is wrong with the lines is said even of an activity that is not there."""
    found = _line_problems(new, "")
    return Invalid(*found) if found else CampaignNotFound()


async def _problems_of_change(
    conn: Conn, account_id: AccountId, new: ActivityIn, format_type: int, address: FooterAddress | None
) -> list[str]:
    found = _line_problems(new, "")
    found += await sender_problems(conn, account_id, new.from_email, new.reply_to_email)
    found += await audience.problems(conn, account_id, new.contact_list_ids or [], new.segment_ids or [])
    if new.html_content is not None and content.shows_html(format_type):
        found += content.problems(new.html_content)
    if new.physical_address_in_footer is not None and address is not None:
        found += footer_addresses.problems(address)
    return found


def _line_problems(new: NewActivity | ActivityIn, path: str) -> list[str]:
    """These members become header lines, so they are one line each."""
    found = []
    for field in _LINES:
        value = (getattr(new, field) or "").strip()
        if not value and field != "preheader":
            found.append(f"{path}{field} must not be empty.")
        elif "\r" in value or "\n" in value:
            found.append(f"{path}{field} does not have a valid value")
    return found


def _preheader_problems(preheader: str | None) -> list[str]:
    if preheader is None:
        return []
    if len(preheader) > MAX_PREHEADER:
        return [f"preheader must not be longer than {MAX_PREHEADER} characters."]
    is_line = not validation.control_characters(preheader) and not re.search(r"[\r\n]", preheader)
    return [] if is_line else ["preheader does not have a valid value"]


def _lines(new: NewActivity | ActivityIn) -> dict[str, str | None]:
    return {field: (getattr(new, field) or "").strip() or None for field in _LINES}


def _merged(stored: FooterAddress | None, sent: FooterAddressIn | None) -> FooterAddress | None:
    return stored if sent is None else footer_addresses.merged(stored, sent)


def _subresources(new: ActivityIn) -> list[Include]:
    sent: list[Include] = []
    if new.html_content is not None:
        sent.append("html_content")
    if new.physical_address_in_footer is not None:
        sent.append("physical_address_in_footer")
    return sent


async def _find(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> Stored | None:
    return await one(
        conn,
        Stored,
        """
        SELECT a.campaign_activity_id, a.campaign_id, a.role, coalesce(r.status, c.status) AS status,
               w.campaign_id IS NOT NULL AS was_sent, t.format_type, t.from_name, t.from_email, t.reply_to_email,
               coalesce(r.subject, t.subject) AS subject, t.preheader, t.document_id,
               t.physical_address, t.contact_list_ids, t.segment_ids
          FROM campaign_activities a
          JOIN campaigns c ON c.account_id = a.account_id AND c.campaign_id = a.campaign_id
          JOIN campaign_contents t ON t.account_id = a.account_id AND t.campaign_id = a.campaign_id
          LEFT JOIN campaign_resends r
            ON r.account_id = a.account_id AND r.campaign_activity_id = a.campaign_activity_id
          LEFT JOIN web_copies w ON w.account_id = a.account_id AND w.campaign_id = a.campaign_id
         WHERE a.account_id = :account_id AND a.campaign_activity_id = :activity_id AND c.status <> 'REMOVED'""",
        account_id=account_id,
        activity_id=activity_id,
    )


async def _insert(
    conn: Conn,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    lines: dict[str, str | None],
    format_type: int,
    html: str,
    document_id: UUID | None,
    address: FooterAddress | None,
) -> None:
    await run(
        conn,
        """
        INSERT INTO campaign_contents (account_id, campaign_id, format_type, from_name, from_email, reply_to_email,
                                       subject, preheader, html_content, document_id, physical_address,
                                       contact_list_ids, segment_ids)
        VALUES (:account_id, :campaign_id, :format_type, :from_name, :from_email, :reply_to_email,
                :subject, :preheader, :html, :document_id, :address, '{}', '{}')""",
        account_id=account_id,
        campaign_id=campaign_id,
        format_type=format_type,
        html=html,
        document_id=document_id,
        address=address,
        **lines,
    )


async def _update(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, new: ActivityIn, address: FooterAddress | None
) -> None:
    await run(
        conn,
        """
        UPDATE campaign_contents
           SET from_name = :from_name, from_email = :from_email, reply_to_email = :reply_to_email,
               subject = :subject, preheader = :preheader, physical_address = :address,
               contact_list_ids = :contact_list_ids, segment_ids = :segment_ids
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        address=address,
        contact_list_ids=list(dict.fromkeys(new.contact_list_ids or [])),
        segment_ids=[int(segment_id) for segment_id in new.segment_ids or []],
        **_lines(new),
    )


async def _update_html(conn: Conn, account_id: AccountId, campaign_id: CampaignId, html: str) -> None:
    await run(
        conn,
        """
        UPDATE campaign_contents
           SET html_content = :html
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        html=html,
    )


async def _rewrite(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, html: str, preheader: str | None
) -> None:
    await run(
        conn,
        """
        UPDATE campaign_contents
           SET html_content = :html, preheader = :preheader
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
        html=html,
        preheader=preheader or None,
    )
