"""The account every fresh installation has, so that there is something to sign in to.

Rules: made once, under the e-mail address and password of the settings; a later change of the password setting counts
from the next start, a later change of the address makes another account.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from everpost.accounts import accounts, addresses, passwords, users
from everpost.accounts.accounts import CreatedAccount, NewAccount
from everpost.accounts.addresses import AddressIn
from everpost.accounts.users import LoginTaken, User
from everpost.ids import AccountId
from everpost.platform import config
from everpost.platform.db import Conn, Db

ADDRESS: Final = AddressIn(
    address_line1="4 Harbor Lane", city="Portland", state_code="ME", postal_code="04101", country_code="US"
)

Provision = Callable[[Conn, AccountId], Awaitable[object]]


async def ensure(db: Db, provision: Provision) -> CreatedAccount | None:
    """Make the demo account unless it is there; `provision` adds what slices above give every account.

    Returns the account when this call made it.
    """
    settings = config.current()
    async with db.transaction() as conn:
        owner = await users.find_by_email(conn, settings.demo_email)
    if owner is not None:
        await _follow_settings(db, owner)
        return None
    try:
        async with db.transaction() as conn:
            return await _create(conn, provision)
    except LoginTaken:
        # Another process started at the same moment and was faster.
        return None


async def _create(conn: Conn, provision: Provision) -> CreatedAccount:
    settings = config.current()
    new = NewAccount(
        email=settings.demo_email,
        password=settings.demo_password,
        organization_name="Harbor Lane Books",
        first_name="Demo",
        last_name="Owner",
        country_code="US",
        state_code="ME",
    )
    account = await accounts.create(conn, new)
    await addresses.create(conn, account.account_id, ADDRESS)
    await provision(conn, account.account_id)
    return account


async def _follow_settings(db: Db, owner: User) -> None:
    wanted = config.current().demo_password
    async with db.reader() as conn:
        stored = await users.password_hash(conn, owner.user_id)
    if not (await passwords.check(wanted, stored)).is_right:
        async with db.transaction() as conn:
            await users.set_password(conn, owner.user_id, wanted)
