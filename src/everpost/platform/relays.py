"""Where mail is submitted: what `EVERPOST_SMTP_URL` says.

    smtp://user:password@host:587?starttls=required&verify=off&hello=mail.example&per_minute=600&connections=20

`starttls` is `auto` (used when offered), `required` or `off`; smtps:// is TLS from the first byte. Certificates are
verified unless STARTTLS is a mere opportunity (auto, no password) or `verify=off`. `per_minute` bounds what all workers
together hand to this relay, `connections` how many connections they keep to it at once. Several addresses, separated by
blanks or commas, are tried in their order.
"""

import ipaddress
import re
import socket
import ssl
from enum import Enum
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct


class BadRelay(Exception):
    """EVERPOST_SMTP_URL must look like smtp://user:password@host:587?starttls=required or smtps://host:465."""


class Security(Enum):
    """When TLS starts."""

    NONE = "off"
    OFFERED = "auto"
    REQUIRED = "required"
    FROM_START = "smtps"


class Relay(Struct, frozen=True, kw_only=True):
    """One server and how to speak with it."""

    host: str
    port: int
    security: Security = Security.OFFERED
    is_verified: bool = False
    user: str = ""
    password: str = ""
    hello: str = ""
    per_minute: int = 0  # 0 is no limit, here and below
    connections: int = 0

    @property
    def name(self) -> str:
        """What people and logs call it."""
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nothing leaves this machine, so that a password may go unencrypted."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


# A password may hold a comma, so only one before another address separates.
_BETWEEN: Final = re.compile(r"[\s,]+(?=smtps?://)")


def read_all(urls: str) -> list[Relay]:
    """In the order in which they are tried; at least one. Raises: BadRelay."""
    return [read(url) for url in _BETWEEN.split(urls.strip(" ,"))]


def read(url: str) -> Relay:
    """Raises: BadRelay."""
    try:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        security = Security.FROM_START if parts.scheme == "smtps" else Security(options.get("starttls", "auto"))
        port = parts.port
        per_minute, connections = (int(options.get(name, "0")) for name in ("per_minute", "connections"))
    except ValueError as error:
        raise BadRelay(f"{BadRelay.__doc__} ({error})") from error
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or re.search(r"\s", url):
        raise BadRelay(BadRelay.__doc__)
    user = unquote(parts.username or "")
    return Relay(
        host=parts.hostname,
        port=port or (465 if security is Security.FROM_START else 587 if user else 25),
        security=security,
        is_verified=options.get("verify", "on") != "off" and (bool(user) or security is not Security.OFFERED),
        user=user,
        password=unquote(parts.password or ""),
        # Not the fully qualified name: finding it asks the DNS, which may take minutes to say nothing.
        hello=options.get("hello") or socket.gethostname(),
        per_minute=max(per_minute, 0),
        connections=min(max(connections, 0), 1000),
    )
