"""How the authorization server says no: `{error, error_description}`, not the API's envelopes.

The docstring of a class is the description that clients read, and some of them search it for the words "authorization"
and "refresh". Source: contract, auth.md §5.3.
"""

from typing import ClassVar


class OAuthError(Exception):
    """The authorization server encountered an unexpected error."""

    error: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400
    is_failure: ClassVar[bool] = True  # counts against whoever fails too often

    @property
    def description(self) -> str:
        return (type(self).__doc__ or "").strip()


class ServerError(OAuthError):
    """The authorization server encountered an unexpected error."""

    status = 500


class InvalidRequest(OAuthError):
    """The request is not valid."""

    error = "invalid_request"


class InvalidGrant(OAuthError):
    """The grant is not valid."""

    error = "invalid_grant"


class InvalidClient(OAuthError):
    """Invalid value for 'client_id' parameter."""

    error = "invalid_client"
    status = 401


class UnauthorizedClient(OAuthError):
    """The client is not authorized to use the provided grant type."""

    error = "unauthorized_client"


class InvalidScope(OAuthError):
    """The requested scope is invalid, unknown, or malformed."""

    error = "invalid_scope"
