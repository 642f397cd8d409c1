"""What an account has settled about its mail and the pages behind it, and what the server has settled for everybody.

The rules are those of the actions that `everpost account settings` asks, too; managers may look, the owner may change.
Source: contract, account.md §8, §9; contacts.md §4.2; campaigns.md §4.7, §7.
"""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

import msgspec

from everpost.accounts import sender_emails
from everpost.accounts.sender_emails import EmailQuery
from everpost.contacts import consent_settings
from everpost.delivery import mail_settings, throttles
from everpost.delivery.mail_settings import MailSettings
from everpost.ids import AccountId, EmailId, ListId
from everpost.platform import validation
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms, list_names, mail_limits
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Account")

_FIELDS: Final = {field.name: None for field in msgspec.structs.fields(MailSettings)}
_JOURNAL: Final = "journal-"


class DoneQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "saved"] = ""


class Choices(msgspec.Struct, frozen=True):
    """Everything that the page's form settles."""

    settings: MailSettings
    is_opt_in_confirmed: bool
    journal_ids: list[EmailId]


@pages.get("/account/mail", privilege="account:read")
async def show_mail_settings(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """What the mails offer, who gets copies, how fast they leave."""
    return await _page(conn, session.account_id, await _stored(conn, session.account_id), done=query.done)


@pages.post("/account/mail", privilege="account:update")
async def save_mail_settings(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Change them, all or nothing."""
    wanted = _read(form)
    try:
        await mail_settings.replace(conn, session.account_id, wanted.settings)
    except ApiError as error:
        return await _page(conn, session.account_id, wanted, error=error)
    await consent_settings.set_opt_in_confirmed(conn, session.account_id, is_on=wanted.is_opt_in_confirmed)
    await sender_emails.set_holders(conn, session.account_id, "JOURNALING", wanted.journal_ids)
    return redirect("/account/mail?done=saved")


async def _stored(conn: Conn, account_id: AccountId) -> Choices:
    journals = await sender_emails.listing(conn, account_id, EmailQuery(role_code="JOURNALING"))
    return Choices(
        await mail_settings.get(conn, account_id),
        await consent_settings.is_opt_in_confirmed(conn, account_id),
        [each.email_id for each in journals],
    )


def _read(form: Mapping[str, str]) -> Choices:
    """Boxes that are not ticked are not in the form."""
    journals = [name.removeprefix(_JOURNAL) for name in form if name.startswith(_JOURNAL)]
    return Choices(
        MailSettings(
            has_comment_box="has_comment_box" in form,
            has_forward_link="has_forward_link" in form,
            has_profile_link="has_profile_link" in form,
            privacy_policy_url=form.get("privacy_policy_url", "").strip(),
            data_notice_url=form.get("data_notice_url", "").strip(),
            visible_list_ids=[ListId(UUID(name)) for name in form if validation.is_uuid(name)],
        ),
        "is_opt_in_confirmed" in form,
        [EmailId(int(number)) for number in journals if number.isascii() and number.isdigit() and len(number) < 8],
    )


async def _page(
    conn: Conn, account_id: AccountId, choices: Choices, *, done: str = "", error: ApiError | None = None
) -> Html:
    confirmed = await sender_emails.listing(conn, account_id, EmailQuery(confirm_status="CONFIRMED"))
    addresses = [each.email_address for each in confirmed]
    return Html(
        "portal/mail_settings.html",
        200 if error is None else error.status,
        choices=choices,
        problems=Problems() if error is None else forms.problems(error, _FIELDS),
        lists=await list_names.find(conn, account_id),
        addresses=confirmed,
        senders=[await mail_limits.sender(conn, account_id, address) for address in addresses],
        limits=mail_limits.limits([throttles.domain_of(address) for address in addresses]),
        done=done,
    )
