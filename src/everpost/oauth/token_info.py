"""The scopes of a token, as programs from before the token answer said them ask for them.

Source: contract, auth.md §1, `/v3/token_info`.
"""

import msgspec

from everpost.oauth import tokens
from everpost.platform.db import Db
from everpost.platform.errors import Invalid, Unauthorized


class TokenInvalid(Invalid):
    """token is not a valid access token."""


class TokenInfoIn(msgspec.Struct):
    """Which token."""

    token: str


class TokenInfo(msgspec.Struct, frozen=True):
    """What it may be used for."""

    scopes: list[str]


async def get(db: Db, token: str) -> TokenInfo:
    """Raises: TokenInvalid, whatever ended the token."""
    try:
        claims = await tokens.read(db, token)
    except Unauthorized as error:
        raise TokenInvalid from error
    async with db.reader() as conn:
        if not await tokens.is_active(conn, claims):
            raise TokenInvalid
    return TokenInfo(claims.scp)
