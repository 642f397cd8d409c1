"""The postal address under every campaign mail; the law asks for one.

Rules: US and CA need a state_code and a postal_code and take no state_name; elsewhere it is the other way round, but a
postal code is kept, because real addresses have one. POST only creates, PUT replaces the whole address.
Source: contract, account.md §5.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from everpost.accounts import regions
from everpost.ids import AccountId
from everpost.platform import clock
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Conflict, Invalid, NotFound


class AddressExists(Conflict):
    """physical_address already exists for this account."""


class AddressIn(msgspec.Struct, kw_only=True):
    """A postal address as it is sent."""

    address_line1: Annotated[str, Meta(max_length=80)]
    address_line2: Annotated[str, Meta(max_length=80)] | None = None
    address_line3: Annotated[str, Meta(max_length=80)] | None = None
    city: Annotated[str, Meta(max_length=80)]
    state_code: Annotated[str, Meta(max_length=2)] | None = None
    state_name: Annotated[str, Meta(max_length=80)] | None = None
    postal_code: Annotated[str, Meta(max_length=25)] | None = None
    country_code: Annotated[str, Meta(max_length=2)]


class Address(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A postal address as it is kept; members without a value are left out."""

    address_line1: str
    address_line2: str | None = None
    address_line3: str | None = None
    city: str
    state_code: str | None = None
    state_name: str | None = None
    postal_code: str | None = None
    country_code: str


async def find(conn: Conn, account_id: AccountId) -> Address | None:
    return await one(
        conn,
        Address,
        """
        SELECT address_line1, address_line2, address_line3, city, state_code, state_name, postal_code, country_code
          FROM physical_addresses
         WHERE account_id = :account_id""",
        account_id=account_id,
    )


async def get(conn: Conn, account_id: AccountId) -> Address:
    """Raises: NotFound."""
    address = await find(conn, account_id)
    if address is None:
        raise NotFound
    return address


async def create(conn: Conn, account_id: AccountId, new: AddressIn) -> Address:
    """Raises: Invalid, AddressExists."""
    address = _checked(new)
    if not await _insert(conn, account_id, address, clock.now()):
        raise AddressExists
    return address


async def replace(conn: Conn, account_id: AccountId, new: AddressIn) -> Address:
    """The whole address anew: what is left out is gone. Raises: Invalid."""
    address = _checked(new)
    await _upsert(conn, account_id, address, clock.now())
    return address


def _checked(new: AddressIn) -> Address:
    address = Address(
        address_line1=new.address_line1.strip(),
        address_line2=_text(new.address_line2),
        address_line3=_text(new.address_line3),
        city=new.city.strip(),
        state_code=_upper(new.state_code),
        state_name=_text(new.state_name),
        postal_code=_text(new.postal_code),
        country_code=new.country_code.strip().upper(),
    )
    problems = _problems(address)
    if problems:
        raise Invalid(*problems)
    return address


def _problems(address: Address) -> list[str]:
    problems = []
    if not address.address_line1:
        problems.append("address_line1 must not be empty.")
    if not address.city:
        problems.append("city must not be empty.")
    if not regions.is_country(address.country_code):
        return [*problems, "country_code does not have a valid value"]
    if address.country_code in regions.WITH_STATES:
        return problems + _problems_with_states(address)
    if address.state_code is not None:
        problems.append("state_code must be left out unless country_code is US or CA.")
    return problems


def _problems_with_states(address: Address) -> list[str]:
    problems = []
    if address.state_code is None:
        problems.append("state_code is required when country_code is US or CA.")
    elif not regions.is_state(address.country_code, address.state_code):
        problems.append("state_code does not have a valid value")
    if address.state_name is not None:
        problems.append("state_name must be left out when country_code is US or CA.")
    if address.postal_code is None:
        problems.append("postal_code is required when country_code is US or CA.")
    return problems


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _upper(value: str | None) -> str | None:
    text = _text(value)
    return None if text is None else text.upper()


async def _insert(conn: Conn, account_id: AccountId, address: Address, now: datetime) -> bool:
    """False when there is an address already."""
    inserted = await run(
        conn,
        """
        INSERT INTO physical_addresses (account_id, address_line1, address_line2, address_line3, city, state_code,
                                        state_name, postal_code, country_code, updated_at)
        VALUES (:account_id, :address_line1, :address_line2, :address_line3, :city, :state_code,
                :state_name, :postal_code, :country_code, :now)
        ON CONFLICT (account_id) DO NOTHING""",
        account_id=account_id,
        now=now,
        **msgspec.structs.asdict(address),
    )
    return inserted == 1


async def _upsert(conn: Conn, account_id: AccountId, address: Address, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO physical_addresses (account_id, address_line1, address_line2, address_line3, city, state_code,
                                        state_name, postal_code, country_code, updated_at)
        VALUES (:account_id, :address_line1, :address_line2, :address_line3, :city, :state_code,
                :state_name, :postal_code, :country_code, :now)
        ON CONFLICT (account_id) DO UPDATE
           SET address_line1 = excluded.address_line1,
               address_line2 = excluded.address_line2,
               address_line3 = excluded.address_line3,
               city = excluded.city,
               state_code = excluded.state_code,
               state_name = excluded.state_name,
               postal_code = excluded.postal_code,
               country_code = excluded.country_code,
               updated_at = excluded.updated_at""",
        account_id=account_id,
        now=now,
        **msgspec.structs.asdict(address),
    )
