"""What clients can find out about this authorization server. Source: RFC 8414; contract, auth.md §1, agents.md §3.2.

The document lies where its issuer says, and nowhere else: clients compare the two.
"""

import msgspec

from everpost.oauth import scopes, token_requests
from everpost.platform import config


class Metadata(msgspec.Struct, frozen=True):
    """Only what is there is named, without the implicit flow, which nobody should begin to use."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    device_authorization_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query", "fragment", "form_post")
    grant_types_supported: tuple[str, ...] = (token_requests.CODE, token_requests.REFRESH, token_requests.DEVICE)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("none", "client_secret_basic", "client_secret_post")
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = ("none", "client_secret_basic", "client_secret_post")
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    scopes_supported: tuple[str, ...] = (
        "account_read",
        "account_update",
        "contact_data",
        "campaign_data",
        scopes.OFFLINE,
    )


def find(server: str) -> Metadata | None:
    """The document of the issuer `{AUTH}/oauth2/{server}`, when that is who we are."""
    settings = config.current()
    if settings.issuer != f"{settings.auth_origin}/oauth2/{server}":
        return None
    base = f"{settings.issuer}/v1"
    return Metadata(
        issuer=settings.issuer,
        authorization_endpoint=f"{base}/authorize",
        token_endpoint=f"{base}/token",
        device_authorization_endpoint=f"{base}/device/authorize",
        revocation_endpoint=f"{base}/revoke",
        introspection_endpoint=f"{base}/introspect",
        jwks_uri=f"{base}/keys",
    )
