"""The browser in front of a page: where it comes from, and how a person's session begins in it."""

from everpost.accounts import sessions, throttles
from everpost.accounts.users import User
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import Request


def address_of(request: Request) -> str:
    """Behind a trusted proxy, the address it speaks for."""
    return throttles.address_of(request.client.host if request.client else "", request.headers)


async def let_in(conn: Conn, user: User, request: Request, before: Session | None) -> str:
    """Sign the person in here; returns the session's token for the cookie."""
    user_agent = request.headers.get("user-agent", "")
    return await sessions.renew(conn, user, before, address=address_of(request), user_agent=user_agent)
