"""How the portal's JSON words its errors. Source: contract, portal.md §2, §5, conventions.md §5."""

from typing import Final

from everpost.platform.errors import Area, dotted

AREA: Final = Area(
    prefix="portal.api",
    word=dotted,
    invalid_key="portal.api.validation.error",
    malformed_key="portal.api.json.malformed",
    not_found_key="portal.api.not_found",
)
