"""Postal addresses of a contact: at most three; states and countries are written out.

Rules: a country equal to an ISO 3166 code of two letters becomes its English name; a US or Canadian code becomes the
state's name where the country allows it. An address that is equal in everything after that keeps its identity when the
set is replaced. Source: contract, contacts.md §3.6, §5.4, §5.6.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import pycountry
from msgspec import Meta, Struct

from everpost.ids import new_id

MAXIMUM: Final = 3

AddressKind: TypeAlias = Literal["home", "work", "other"]
Street: TypeAlias = Annotated[str, Meta(max_length=255)]
Place: TypeAlias = Annotated[str, Meta(max_length=50)]

_COUNTRIES_WITH_STATES: Final = {"united states": "US", "canada": "CA", "": "US"}


class StreetAddress(Struct, omit_defaults=True, kw_only=True):
    """As stored in `contacts.street_addresses` and as it goes out."""

    street_address_id: UUID
    kind: AddressKind
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    created_at: datetime
    updated_at: datetime


class StreetAddressIn(Struct):
    """A postal address; states and countries may be given by their codes."""

    kind: AddressKind
    street: Street | None = None
    city: Place | None = None
    state: Place | None = None
    postal_code: Place | None = None
    country: Place | None = None


class SignUpAddress(Struct):
    """The postal address of a sign-up form. Without any value it is ignored: some forms always send it empty."""

    kind: AddressKind | Literal[""] | None = None
    street: Street | None = None
    city: Place | None = None
    state: Place | None = None
    postal_code: Place | None = None
    country: Place | None = None


def replaced(held: Sequence[StreetAddress], given: Sequence[StreetAddressIn], *, now: datetime) -> list[StreetAddress]:
    """The given addresses, those that were held before with their identity."""
    left = list(held)
    result: list[StreetAddress] = []
    for address in given:
        new = _new(address.kind, address, now=now)
        same = next((old for old in left if _content(old) == _content(new)), None)
        if same is not None:
            left.remove(same)
        result.append(same or new)
    return result


def with_one(
    held: Sequence[StreetAddress], kind: AddressKind, given: SignUpAddress | StreetAddressIn, *, now: datetime
) -> list[StreetAddress]:
    """The address of a sign-up form takes the place of its kind; a full set gives up its oldest address."""
    new = _new(kind, given, now=now)
    if any(_content(old) == _content(new) for old in held):
        return list(held)
    place = next((address for address in held if address.kind == kind), None)
    if place is None and len(held) >= MAXIMUM:
        place = min(held, key=lambda address: address.created_at)
    if place is None:
        return [*held, new]
    return [new if address is place else address for address in held]


def is_blank(given: SignUpAddress) -> bool:
    """Whether an address says nothing but, at most, its kind."""
    return not any(
        part and part.strip() for part in (given.street, given.city, given.state, given.postal_code, given.country)
    )


def country_name(text: str) -> str:
    """`US` → `United States`; anything but a code of two letters stays as it is."""
    return _countries().get(text.upper(), text) if len(text) == 2 else text


def state_name(text: str, country: str) -> str:
    """`OR` → `Oregon`, where the written-out country is the United States, Canada or empty (then US codes only)."""
    code = _COUNTRIES_WITH_STATES.get(country.lower())
    return _states(code).get(text.upper(), text) if code and len(text) == 2 else text


def _new(kind: AddressKind, given: SignUpAddress | StreetAddressIn, *, now: datetime) -> StreetAddress:
    country = country_name(_text(given.country))
    return StreetAddress(
        street_address_id=new_id(),
        kind=kind,
        street=_text(given.street) or None,
        city=_text(given.city) or None,
        state=state_name(_text(given.state), country) or None,
        postal_code=_text(given.postal_code) or None,
        country=country or None,
        created_at=now,
        updated_at=now,
    )


def _text(value: str | None) -> str:
    return (value or "").strip()


def _content(address: StreetAddress) -> tuple[str | None, ...]:
    return (address.kind, address.street, address.city, address.state, address.postal_code, address.country)


@functools.cache
def _countries() -> Mapping[str, str]:
    return {country.alpha_2: country.name for country in pycountry.countries}


@functools.cache
def _states(country: str) -> Mapping[str, str]:
    """Names of the subdivisions by their code without the country: Oregon is US-OR."""
    return {state.code[3:]: state.name for state in pycountry.subdivisions if state.country_code == country}
