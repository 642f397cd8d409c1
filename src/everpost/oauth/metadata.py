"""What clients can find out about this authorization server. Source: RFC 8414; contract, auth.md §1, agents.md §3.2."""

import msgspec

from everpost.oauth import scopes, token_requests
from everpost.platform import config


class Metadata(msgspec.Struct, frozen=True):
    """Only what is there is named."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    jwks_uri: str
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query", "fragment", "form_post")
    grant_types_supported: tuple[str, ...] = (token_requests.CODE, token_requests.REFRESH)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("none", "client_secret_basic", "client_secret_post")
    scopes_supported: tuple[str, ...] = (
        "account_read",
        "account_update",
        "contact_data",
        "campaign_data",
        scopes.OFFLINE,
    )


def current() -> Metadata:
    base = f"{config.current().auth_origin}/oauth2/default/v1"
    return Metadata(
        issuer=config.current().issuer,
        authorization_endpoint=f"{base}/authorize",
        token_endpoint=f"{base}/token",
        revocation_endpoint=f"{base}/revoke",
        jwks_uri=f"{base}/keys",
    )
