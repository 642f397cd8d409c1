"""Who is calling: the account, user and application behind an access token, and the person behind a session cookie."""

import msgspec

from everpost.ids import AccountId, AppId, SessionId, UserId


class Caller(msgspec.Struct, frozen=True):
    """The bearer of a valid access token."""

    account_id: AccountId
    user_id: UserId
    app_id: AppId
    scopes: frozenset[str]
    privileges: frozenset[str]
    is_limited: bool = True  # False for tokens that the command line made: no rate limit
    rate_per_second: int | None = None  # an application's own limits; None follows the settings
    rate_per_day: int | None = None


class Session(msgspec.Struct, frozen=True):
    """A person who is signed in through a browser."""

    session_id: SessionId
    account_id: AccountId
    user_id: UserId
    email: str
    organization_name: str
    role: str
    csrf_token: str
    privileges: frozenset[str] = frozenset()
    time_zone: str = "UTC"  # of the account, for the times on its pages
    is_confirmed: bool = True  # False until a person who signed up has opened the link in their mail
