"""How the account area words its errors. Source: contract, account.md §10, conventions.md §5.2."""

from typing import Final

from everpost.platform.errors import Area, dotted

AREA: Final = Area(
    prefix="account.api",
    word=dotted,
    invalid_key="account.api.validation.error",
    malformed_key="account.api.json.malformed",
    not_found_key="account.api.not_found",
)
