"""Doors of the API that belong to the authorization server. Source: contract, auth.md §1."""

from everpost.oauth import token_info
from everpost.oauth.token_info import TokenInfo, TokenInfoIn
from everpost.platform.caller import Caller
from everpost.platform.db import Db
from everpost.platform.errors import Area, dotted
from everpost.platform.http import Doors

AREA = Area(
    prefix="token_info.api",
    word=dotted,
    invalid_key="token_info.api.validation.error",
    malformed_key="token_info.api.validation.error",
    not_found_key="token_info.api.not_found",
)
doors = Doors(AREA, "Authorization")


@doors.post("/v3/token_info", status=200, hidden=True)
async def get_token_info(db: Db, caller: Caller, data: TokenInfoIn) -> TokenInfo:
    """The scopes of an access token. Deprecated: the token answer says them."""
    return await token_info.get(db, data.token)
