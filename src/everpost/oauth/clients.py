"""Which app is asking at the token endpoint, and whether it can prove it.

Rules: HTTP Basic, or `client_id` and `client_secret` among the parameters, or both if they agree; an app without a
secret only says its name, and a secret it sends is ignored. Source: contract, auth.md §5.1.
"""

import base64
import binascii
from collections.abc import Mapping
from uuid import UUID

import msgspec

from everpost.ids import AppId
from everpost.oauth import apps
from everpost.oauth.apps import App
from everpost.oauth.errors import InvalidClient, InvalidRequest
from everpost.platform.db import Conn
from everpost.platform.validation import is_uuid


class SecretWrong(InvalidClient):
    """The client secret supplied for a confidential client is invalid."""


class TwoIdentities(InvalidRequest):
    """The client credentials in the header and in the parameters differ."""


class Credentials(msgspec.Struct, frozen=True):
    """What a request says of its sender."""

    client_id: str
    client_secret: str


def read(authorization: str, parameters: Mapping[str, str]) -> Credentials:
    """Raises: InvalidClient, TwoIdentities."""
    named = parameters.get("client_id", "")
    secret = parameters.get("client_secret", "")
    basic = _read_basic(authorization)
    if basic is None:
        return Credentials(named, secret)
    if (named and named != basic.client_id) or (secret and secret != basic.client_secret):
        raise TwoIdentities
    return basic


async def find(conn: Conn, credentials: Credentials) -> App | None:
    """The app that the request claims to come from; nothing is proved by this."""
    if not is_uuid(credentials.client_id):
        return None
    return await apps.find(conn, AppId(UUID(credentials.client_id)))


async def authenticate(conn: Conn, app: App | None, credentials: Credentials) -> App:
    """The app, when it is the one it claims to be. Raises: InvalidClient, SecretWrong."""
    known = require_known(app)
    if known.is_confidential and not await apps.is_secret(conn, known.client_id, credentials.client_secret):
        raise SecretWrong
    return known


def require_known(app: App | None) -> App:
    """An app that may ask here at all; nothing is proved by this. Raises: InvalidClient."""
    if app is None or app.built_in == apps.COMMAND_LINE:
        raise InvalidClient
    return app


def _read_basic(authorization: str) -> Credentials | None:
    """None when the header is missing or of another kind; a value without a colon or secret names a public client."""
    kind, _, encoded = authorization.strip().partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidClient from error
    client_id, _, secret = text.partition(":")
    return Credentials(client_id, secret)
