"""Where codes may be sent: what can be registered, and what matches it.

Rules: https only, http for this machine alone, private-use schemes with a dot for apps without a secret; no fragment;
one `*` at most, in the left-most label, standing for characters without a dot; everything else matches exactly, after
scheme and host are in lower case. Source: contract, auth.md §4.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import msgspec
from publicsuffixlist import PublicSuffixList

from everpost.platform.errors import Invalid

DEFAULT: Final = "https://localhost"
MOST: Final = 20
LONGEST: Final = 2000

_PARTS: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/?#:@\\\[\]]+)((?::\d{1,5})?)((?:[/?].*)?)", re.IGNORECASE
)
_PRIVATE: Final = re.compile(r"[a-z][a-z0-9+-]*\.[a-z0-9+.-]*:/[^*]*", re.IGNORECASE)
_VISIBLE: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"[a-z0-9*_]([a-z0-9*_-]*[a-z0-9*_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class BadRedirectUri(Invalid):
    """redirect_uris[{number}] cannot be {uri}: {reason}."""


class _Parts(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    port: str
    rest: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}{self.port}"


def check(uris: Sequence[str], *, may_be_private: bool) -> list[str]:
    """The URIs an app may register, without duplicates. Raises: BadRedirectUri."""
    wanted = list(dict.fromkeys(uris))
    if len(wanted) > MOST:
        raise BadRedirectUri(number=MOST, uri=wanted[MOST], reason=f"an application has at most {MOST}")
    for number, uri in enumerate(wanted):
        reason = _objection(uri, may_be_private)
        if reason is not None:
            raise BadRedirectUri(number=number, uri=uri, reason=reason)
    return wanted


def is_registered(given: str, registered: Iterable[str]) -> bool:
    """Whether a request may name this URI."""
    if len(given) > LONGEST or not _VISIBLE.fullmatch(given):
        return False
    return any(_matches(given, uri) for uri in registered)


def is_registered_origin(origin: str, registered: Iterable[str]) -> bool:
    """Whether a page of this origin belongs to the app: it is the origin of one of its redirect URIs."""
    given = _split(origin)
    if given is None or given.rest:
        return False
    known = [parts for parts in map(_split, registered) if parts is not None]
    return any(given.scheme == parts.scheme and given.port == parts.port and _is_host(given, parts) for parts in known)


def origin_of(uri: str) -> str:
    """What a page's policy must name so that a form may end there: the origin, or a private-use scheme."""
    parts = _split(uri)
    return parts.origin if parts is not None else uri.partition(":")[0] + ":"


def _objection(uri: str, may_be_private: bool) -> str | None:
    if len(uri) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if "#" in uri or not _VISIBLE.fullmatch(uri):
        return "it has a fragment, spaces or characters that are not ASCII"
    if uri.partition(":")[0].lower() not in ("http", "https"):
        return _objection_to_private(uri, may_be_private)
    parts = _split(uri)
    if parts is None:
        return "it is not an absolute URI with a host"
    if parts.scheme == "http" and parts.host not in _THIS_MACHINE:
        return "http is only for localhost, 127.0.0.1 and [::1]"
    return _objection_to_host(parts)


def _objection_to_private(uri: str, may_be_private: bool) -> str | None:
    if not _PRIVATE.fullmatch(uri):
        return "it must begin with https:// or with a private-use scheme that has a dot"
    return None if may_be_private else "a private-use scheme is only for applications without a secret"


def _objection_to_host(parts: _Parts) -> str | None:
    if "*" in parts.rest or "*" in parts.port:
        return "a wildcard is only allowed in the left-most label of the host"
    if not parts.host.startswith("[") and not _HOST.fullmatch(parts.host):
        return "its host is not valid"
    if "*" not in parts.host:
        return None
    label, _, parent = parts.host.partition(".")
    if label.count("*") != 1 or "*" in parent:
        return "one wildcard is allowed, in the left-most label of the host"
    if "." not in parent or _is_public_suffix(parent) or _is_address(parent) or _is_address(f"1.{parent}"):
        return "a wildcard needs a domain of its own below it"
    return None


def _is_public_suffix(domain: str) -> bool:
    """Whether strangers register their own names below this one, so that a wildcard there would match their sites."""
    return len(_public_suffixes().publicsuffix(f"any.{domain}") or "") >= len(domain)


@cache
def _public_suffixes() -> PublicSuffixList:
    """The list that browsers keep, as the library brought it; read when a wildcard first needs it."""
    return PublicSuffixList()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _matches(given: str, registered: str) -> bool:
    there, known = _split(given), _split(registered)
    if there is None or known is None:
        return _with_lower_scheme(given) == _with_lower_scheme(registered)
    return (there.scheme, there.port, there.rest) == (known.scheme, known.port, known.rest) and _is_host(there, known)


def _is_host(given: _Parts, registered: _Parts) -> bool:
    if "*" not in registered.host:
        return given.host == registered.host
    before, after = registered.host.split("*", 1)
    return re.fullmatch(re.escape(before) + "[a-z0-9_-]+" + re.escape(after), given.host) is not None


def _split(uri: str) -> _Parts | None:
    match = _PARTS.fullmatch(uri)
    if match is None:
        return None
    return _Parts(match[1].lower(), match[2].lower(), match[3], match[4])


def _with_lower_scheme(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest
