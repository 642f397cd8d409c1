"""What the API tells and changes of an account as a whole.

Rules: PUT changes only the members that are there, in spite of its verb; null and unknown members are ignored, an empty
text clears what may be empty; the time zone follows state and country until it is chosen. Nothing changes unless
everything is valid. Source: contract, account.md §3-§4.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from everpost.accounts import accounts, addresses, regions, sender_emails
from everpost.accounts.addresses import Address
from everpost.ids import AccountId
from everpost.platform import clock
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Invalid, NotFound

Text25: TypeAlias = Annotated[str, Meta(max_length=25)]
Text80: TypeAlias = Annotated[str, Meta(max_length=80)]
Text255: TypeAlias = Annotated[str, Meta(max_length=255)]


class SummaryQuery(msgspec.Struct):
    """What to show besides."""

    extra_fields: list[Literal["physical_address", "company_logo"]] = []


class SummaryIn(msgspec.Struct, kw_only=True):
    """Members to change; the others stay."""

    contact_email: Text80 | None = None
    contact_phone: Text25 | None = None
    country_code: Annotated[str, Meta(max_length=2)] | None = None
    state_code: Annotated[str, Meta(max_length=2)] | None = None
    first_name: Text80 | None = None
    last_name: Text80 | None = None
    organization_name: Text255 | None = None
    organization_phone: Text25 | None = None
    time_zone_id: Text80 | None = None
    website: Text255 | None = None


class Summary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An account; members without a value are left out."""

    encoded_account_id: str
    organization_name: str
    organization_phone: str | None = None
    website: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    contact_email: str | None = None
    contact_phone: str | None = None
    country_code: str | None = None
    state_code: str | None = None
    time_zone_id: str
    physical_address: Address | UnsetType = UNSET


class _Row(msgspec.Struct):
    organization_name: str
    organization_phone: str | None
    website: str | None
    first_name: str | None
    last_name: str | None
    contact_phone: str | None
    country_code: str | None
    state_code: str | None
    time_zone_id: str
    is_time_zone_chosen: bool


async def get(conn: Conn, account_id: AccountId, query: SummaryQuery) -> Summary:
    """The account, with its postal address if that is asked for and there is one."""
    summary = await _summary(conn, account_id, await _get(conn, account_id))
    if "physical_address" in query.extra_fields:
        summary.physical_address = await addresses.find(conn, account_id) or UNSET
    return summary


async def change(conn: Conn, account_id: AccountId, wanted: SummaryIn) -> Summary:
    """Change what is there, all or nothing. Raises: Invalid."""
    row = await _lock(conn, account_id)
    problems = _apply(row, wanted)
    contact_email_id = None
    if wanted.contact_email is not None:
        contact_email_id = await sender_emails.find_confirmed(conn, account_id, wanted.contact_email.strip())
        if contact_email_id is None:
            problems.append("contact_email is not a confirmed email address of this account.")
    if problems:
        raise Invalid(*problems)
    await _update(conn, account_id, row, clock.now())
    if contact_email_id is not None:
        await sender_emails.give_role(conn, account_id, contact_email_id, "CONTACT")
    return await _summary(conn, account_id, row)


def _apply(row: _Row, wanted: SummaryIn) -> list[str]:
    """Put the wanted members into the row; returns what is wrong with them."""
    problems = _apply_texts(row, wanted) + _apply_website(row, wanted.website) + _apply_place(row, wanted)
    if wanted.time_zone_id is not None:
        if not regions.is_time_zone(wanted.time_zone_id):
            problems.append("time_zone_id does not have a valid value")
        row.time_zone_id, row.is_time_zone_chosen = wanted.time_zone_id, True
    return problems


def _apply_texts(row: _Row, wanted: SummaryIn) -> list[str]:
    problems = []
    for name in ("first_name", "last_name", "organization_name"):
        value = getattr(wanted, name)
        if value is None:
            continue
        if not value.strip():
            problems.append(f"{name} must not be empty.")
        setattr(row, name, value.strip())
    for name in ("contact_phone", "organization_phone"):
        value = getattr(wanted, name)
        if value is not None:
            setattr(row, name, value.strip() or None)
    return problems


def _apply_website(row: _Row, website: str | None) -> list[str]:
    if website is None:
        return []
    text = website.strip()
    if not text:
        row.website = None
        return []
    row.website = text if "://" in text else f"http://{text}"
    return [] if _is_web_address(row.website) else ["website does not have a valid value"]


def _apply_place(row: _Row, wanted: SummaryIn) -> list[str]:
    before = (row.country_code, row.state_code)
    if wanted.country_code is not None:
        row.country_code = wanted.country_code.strip().upper()
    if wanted.state_code is not None:
        row.state_code = wanted.state_code.strip().upper() or None
    elif row.country_code != before[0]:
        # A state of the country that the account has just left means nothing in the new one.
        row.state_code = None
    if (row.country_code, row.state_code) == before:
        return []
    problems = _problems_of_place(row)
    if not problems and not row.is_time_zone_chosen:
        row.time_zone_id = regions.default_time_zone(row.country_code, row.state_code)
    return problems


def _problems_of_place(row: _Row) -> list[str]:
    if row.country_code is not None and not regions.is_country(row.country_code):
        return ["country_code does not have a valid value"]
    if row.state_code is None:
        return ["state_code is required when country_code is US."] if row.country_code == "US" else []
    if not regions.is_state(row.country_code or "", row.state_code):
        return ["state_code does not have a valid value"]
    return []


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading it finds what is no number, as in javascript:alert(1) with http:// in front
    except ValueError:
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_web and "@" not in parts.netloc and not any(map(str.isspace, text))


async def _summary(conn: Conn, account_id: AccountId, row: _Row) -> Summary:
    encoded = await accounts.encoded_id(conn, account_id)
    return Summary(
        encoded_account_id=encoded or "",
        organization_name=row.organization_name,
        organization_phone=row.organization_phone,
        website=row.website,
        first_name=row.first_name,
        last_name=row.last_name,
        contact_email=await sender_emails.with_role(conn, account_id, "CONTACT"),
        contact_phone=row.contact_phone,
        country_code=row.country_code,
        state_code=row.state_code,
        time_zone_id=row.time_zone_id,
    )


async def _get(conn: Conn, account_id: AccountId) -> _Row:
    row = await one(
        conn,
        _Row,
        """
        SELECT organization_name, organization_phone, website, first_name, last_name, contact_phone, country_code,
               state_code, time_zone_id, is_time_zone_chosen
          FROM accounts
         WHERE account_id = :account_id""",
        account_id=account_id,
    )
    if row is None:
        raise NotFound
    return row


async def _lock(conn: Conn, account_id: AccountId) -> _Row:
    """Two changes at once: the second starts from what the first left."""
    await run(conn, "SELECT account_id FROM accounts WHERE account_id = :account_id FOR UPDATE", account_id=account_id)
    return await _get(conn, account_id)


async def _update(conn: Conn, account_id: AccountId, row: _Row, now: datetime) -> None:
    await run(
        conn,
        """
        UPDATE accounts
           SET organization_name = :organization_name, organization_phone = :organization_phone, website = :website,
               first_name = :first_name, last_name = :last_name, contact_phone = :contact_phone,
               country_code = :country_code, state_code = :state_code, time_zone_id = :time_zone_id,
               is_time_zone_chosen = :is_time_zone_chosen, updated_at = :now
         WHERE account_id = :account_id""",
        account_id=account_id,
        now=now,
        **msgspec.structs.asdict(row),
    )
