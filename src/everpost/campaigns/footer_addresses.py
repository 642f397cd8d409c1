"""The postal address in the footer of one email, where its author wants another than the account's.

Rules: merged member by member into what is stored (an empty text clears a member); what results must name an
organisation, a first line and a country, and a state in the United States. Names of states and countries follow from
their codes. Without one, the account's address is taken at the moment of sending.
Source: contract, campaigns.md §3.8.
"""

import re
from typing import Final

import msgspec

from everpost.accounts import regions
from everpost.accounts.addresses import Address
from everpost.campaigns.shapes import FooterAddress, FooterAddressIn
from everpost.contacts import street_addresses
from everpost.delivery.footer import PostalAddress

PATH = "physical_address_in_footer"

_TWO_LETTERS: Final = re.compile("[A-Za-z]{2}")


def merged(stored: FooterAddress | None, sent: FooterAddressIn) -> FooterAddress:
    """`stored` with every member that was sent, trimmed; a blank member is absent."""
    members = {**msgspec.structs.asdict(stored or FooterAddress()), **_sent(sent)}
    kept = {name: value.strip() for name, value in members.items() if value and value.strip()}
    return FooterAddress(**kept)


def problems(address: FooterAddress, path: str = PATH) -> list[str]:
    """Everything that keeps this address from being printed in a footer."""
    found = [
        f"{path}.{name} is required."
        for name in ("organization_name", "address_line1", "country_code")
        if getattr(address, name) is None
    ]
    if address.country_code is not None and not regions.is_country(address.country_code):
        found.append(f"{path}.country_code does not have a valid value")
    found.extend(_state_problems(address, path))
    return found


def of_account(organization_name: str, address: Address) -> FooterAddress:
    """The account's address in this shape."""
    return FooterAddress(
        organization_name=organization_name,
        address_line1=address.address_line1,
        address_line2=address.address_line2,
        address_line3=address.address_line3,
        city=address.city,
        state_code=address.state_code,
        state_non_us_name=address.state_name,
        postal_code=address.postal_code,
        country_code=address.country_code,
    )


def shown(address: FooterAddress) -> FooterAddress:
    """The address with the names that follow from its codes."""
    country = street_addresses.country_name(address.country_code or "")
    state = street_addresses.state_name(address.state_code or "", country) if _has_states(address) else None
    return msgspec.structs.replace(address, country_name=country or None, state_name=state or None)


def printed(address: FooterAddress) -> PostalAddress:
    """The address as a footer takes it."""
    # A code may be left from before the address moved abroad.
    names = (address.state_code, address.state_non_us_name)
    state = next(filter(None, names if _has_states(address) else reversed(names)), "")
    return PostalAddress(
        organization_name=address.organization_name or "",
        address_line1=address.address_line1 or "",
        address_line2=address.address_line2 or "",
        address_line3=address.address_line3 or "",
        address_optional=address.address_optional or "",
        city=address.city or "",
        state=state,
        postal_code=address.postal_code or "",
        country_code=address.country_code or "",
    )


def _sent(address: FooterAddressIn) -> dict[str, str]:
    return {name: value for name, value in msgspec.structs.asdict(address).items() if value is not None}


def _has_states(address: FooterAddress) -> bool:
    return address.country_code in regions.WITH_STATES


def _state_problems(address: FooterAddress, path: str) -> list[str]:
    code = address.state_code
    if code is None:
        return [f"{path}.state_code is required."] if address.country_code == "US" else []
    is_known = regions.is_state("US", code) if address.country_code == "US" else _TWO_LETTERS.fullmatch(code)
    return [] if is_known else [f"{path}.state_code does not have a valid value"]
