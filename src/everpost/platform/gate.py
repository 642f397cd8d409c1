"""What stands between the network and the doors: bearer tokens, form tokens, local peers, pages on their way out."""

import ipaddress
import secrets
from typing import Final
from urllib.parse import urlencode, urlsplit

from everpost.platform import config, cookies, crypto, errors, pages
from everpost.platform.exchange import Exchange
from everpost.platform.pages import Html, Rendered

CSRF_HEADER: Final = "x-csrf-token"

_FORM_COOKIE: Final = "everpost_form"
_FORWARDED: Final = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip")


def bearer_token(exchange: Exchange) -> str:
    """Raises: Unauthorized."""
    kind, _, token = exchange.header("authorization").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise errors.Unauthorized
    return token.strip()


def is_local(exchange: Exchange) -> bool:
    """Whether the request comes from this machine and no proxy speaks for someone else."""
    return _is_loopback(exchange.peer) and not any(name in exchange.headers for name in _FORWARDED)


def is_trusted_proxy(peer: str) -> bool:
    """Whether the settings name this address; a peer without one is never among them."""
    return peer != "" and peer in map(str.strip, config.current().trusted_proxies.split(","))


def is_plain_and_foreign(exchange: Exchange) -> bool:
    """Whether `require_tls` refuses this request. Source: contract, auth.md §1."""
    return config.current().require_tls and not is_local(exchange) and scheme(exchange) != "https"


def scheme(exchange: Exchange) -> str:
    """http or https as the person's browser sees it; only a trusted proxy's word is believed."""
    if is_trusted_proxy(exchange.peer) and "x-forwarded-proto" in exchange.headers:
        return exchange.header("x-forwarded-proto").lower()
    return str(exchange.scope.get("scheme", "http"))


def api_host() -> str:
    return urlsplit(config.current().api_origin).netloc


def next_parameter(exchange: Exchange) -> str:
    target = exchange.raw_target if exchange.method == "GET" else "/"
    return urlencode({"next": target})


def check_form_token(exchange: Exchange) -> None:
    """A form must carry the token that belongs to its browser's cookie. Raises: Forbidden."""
    if not _is_form_token(exchange, exchange.form.get(pages.CSRF_FIELD, "")):
        raise errors.Forbidden


def check_script(exchange: Exchange, *, checks_csrf: bool) -> None:
    """A call of JSON by a browser: from our own pages only, and with the session's token. Raises: Forbidden.

    The token is the session's own, which signing in answers, or that of any form on our pages.
    """
    if exchange.method in ("GET", "HEAD"):
        return
    origin = exchange.header("origin")
    if origin and urlsplit(origin).netloc not in _own_hosts(exchange):
        raise errors.Forbidden
    given = exchange.header(CSRF_HEADER)
    if checks_csrf and exchange.session is not None:
        is_right = secrets.compare_digest(given.encode(), exchange.session.csrf_token.encode())
        if not is_right and not _is_form_token(exchange, given):
            raise errors.Forbidden


def render_page(exchange: Exchange, page: Html) -> Rendered:
    """The page with its form token and the visitor's name."""
    if exchange.form_cookie is None:
        exchange.form_cookie = exchange.cookies.get(cookies.name(_FORM_COOKIE)) or secrets.token_urlsafe(24)
    return pages.render(
        page,
        csrf_token=_form_token(exchange, exchange.form_cookie),
        session=exchange.session,
        path=exchange.path,
    )


def form_cookie(exchange: Exchange) -> list[tuple[str, str]]:
    """The Set-Cookie header that a first page needs for its forms."""
    if exchange.form_cookie is None or exchange.cookies.get(cookies.name(_FORM_COOKIE)) == exchange.form_cookie:
        return []
    return [("Set-Cookie", cookies.header(_FORM_COOKIE, exchange.form_cookie))]


def _is_form_token(exchange: Exchange, given: str) -> bool:
    cookie = exchange.cookies.get(cookies.name(_FORM_COOKIE), "")
    return bool(cookie) and secrets.compare_digest(given.encode(), _form_token(exchange, cookie).encode())


def _own_hosts(exchange: Exchange) -> set[str]:
    settings = config.current()
    return {exchange.header("host"), urlsplit(settings.origin).netloc, urlsplit(settings.auth_origin).netloc}


def _form_token(exchange: Exchange, cookie: str) -> str:
    # Bound to the session too, so a token from before signing in is worth nothing afterwards.
    session = str(exchange.session.session_id) if exchange.session else ""
    return crypto.mac("form", f"{cookie}\0{session}".encode())[:20].hex()


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
