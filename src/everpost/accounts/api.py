"""Doors of the account: its summary, postal address, sender addresses, and what the caller may do."""

from typing import Final

from everpost.accounts import addresses, confirmations, privileges, sender_emails, summaries
from everpost.accounts.addresses import Address, AddressIn
from everpost.accounts.errors import AREA
from everpost.accounts.privileges import Privilege
from everpost.accounts.sender_emails import AccountEmail, CreatedEmail, EmailIn, EmailQuery
from everpost.accounts.summaries import Summary, SummaryIn, SummaryQuery
from everpost.platform.caller import Caller
from everpost.platform.db import Conn
from everpost.platform.http import Doors

doors: Final = Doors(AREA, tag="Account Services", is_shape_first=True)

_READ: Final = {"scope": "account_read", "privilege": "account:read"}
_UPDATE: Final = {"scope": "account_update", "privilege": "account:update"}


@doors.get("/v3/account/user/privileges")
async def list_privileges(caller: Caller) -> list[Privilege]:
    """What the person behind the token may do; any valid token will do. Tells why another call answers 403."""
    return privileges.listed(caller.privileges)


@doors.get("/v3/account/summary", **_READ)
async def get_summary(conn: Conn, caller: Caller, query: SummaryQuery) -> Summary:
    """The account: organisation, owner, contact address, place and time zone."""
    return await summaries.get(conn, caller.account_id, query)


@doors.put("/v3/account/summary", **_UPDATE)
async def update_summary(conn: Conn, caller: Caller, data: SummaryIn) -> Summary:
    """Change members of the account. Members that are left out stay as they are."""
    return await summaries.change(conn, caller.account_id, data)


@doors.get("/v3/account/summary/physical_address", may_be_missing=True, **_READ)
async def get_physical_address(conn: Conn, caller: Caller) -> Address:
    """The postal address that is printed under campaign mails."""
    return await addresses.get(conn, caller.account_id)


@doors.post("/v3/account/summary/physical_address", status=201, **_UPDATE)
async def create_physical_address(conn: Conn, caller: Caller, data: AddressIn) -> Address:
    """Add the postal address of an account that has none."""
    return await addresses.create(conn, caller.account_id, data)


@doors.put("/v3/account/summary/physical_address", **_UPDATE)
async def replace_physical_address(conn: Conn, caller: Caller, data: AddressIn) -> Address:
    """Replace the postal address. Optional members that are left out are removed."""
    return await addresses.replace(conn, caller.account_id, data)


@doors.get("/v3/account/emails", **_READ)
async def list_emails(conn: Conn, caller: Caller, query: EmailQuery) -> list[AccountEmail]:
    """The account's own addresses; campaigns can be sent from the confirmed ones."""
    return await sender_emails.listing(conn, caller.account_id, query)


@doors.post("/v3/account/emails", status=201, **_UPDATE)
async def add_email(conn: Conn, caller: Caller, data: EmailIn) -> CreatedEmail:
    """Add an address and mail it a link; it can send once the link's page was confirmed."""
    return await confirmations.request(conn, caller.account_id, data)
