"""The start of the device flow: a device says who it is and what it wants, and gets its two codes.

Rules: no secret; every start counts against the address it comes from, because each makes a row. Source: RFC 8628;
contract, auth.md §8.1.
"""

from collections.abc import Mapping

from everpost.oauth import clients, devices
from everpost.oauth.apps import App
from everpost.oauth.clients import Credentials
from everpost.oauth.devices import Started
from everpost.platform.db import Db


async def answer(
    db: Db, app: App | None, credentials: Credentials, parameters: Mapping[str, str], is_browser: bool
) -> Started:
    """Raises: OAuthError."""
    async with db.transaction() as conn:
        known = clients.require_known(app)
        return await devices.start(conn, known, parameters.get("scope", ""))
