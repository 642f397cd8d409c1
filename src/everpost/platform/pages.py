"""Pages for people: templates become bytes and headers here; no web framework is in sight.

A door answers `Html("portal/home.html", ...)`; `platform.http` calls `render` and sends what comes back.
A name with a folder is a slice's own template (`everpost/portal/templates/home.html`); one without
(`layout.html`, `forms.html`, `error.html`, `message.html`, `confirm.html`) is shared and lies beside this file.

Every template can use `csrf_field` (goes into each form), `session` (who is signed in, or None), `path`,
`settings`, `static(name)`, and the filters `moment`, `day` and `number`. Times are those of the account that is signed
in, and UTC for everybody else.

Rules: no inline script and no inline style anywhere, because the Content-Security-Policy refuses both; pages work
without any script at all, and the few scripts in `static/` only make them handier.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, final
from zoneinfo import ZoneInfo

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)
from markupsafe import Markup

from everpost.platform import config, cookies
from everpost.platform.caller import Session

CSRF_FIELD: Final = "csrf_token"
STATIC_PATH: Final = "/static"

_PLATFORM: Final = Path(__file__).parent
_CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_A_YEAR_SECONDS: Final = 31_536_000

# Macros are filled in without the page's context, but their times are told like all others of the page.
_zone: Final[ContextVar[tzinfo]] = ContextVar("zone", default=UTC)

_SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_ERRORS: Final = {
    400: ("That did not work", "The address or the form is incomplete. Go back and try again."),
    401: ("Please sign in", "This page is only for people who are signed in."),
    403: ("You may not see this page", "Your account does not allow it, or the form was open for too long."),
    404: ("There is nothing here", "The link may be mistyped, altered or no longer valid."),
    405: ("That did not work", "This address does not accept that kind of request."),
    413: ("That is too large", "What you sent is larger than this page accepts."),
    429: ("Too many tries", "Please wait a few minutes, then try again."),
    500: ("Something went wrong", "It is our fault, not yours. It has been recorded; please try again later."),
    503: ("Back in a moment", "The server is busy or just starting. Please try again shortly."),
}


@final
class Html:
    """A page to be: which template, and what it shows.

    `form_targets` are origins that a form of this page may end at, by redirect: browsers check the policy's
    `form-action` at every hop, so a consent page must name the application's origin.
    `image_sources` are origins of pictures that are not ours, as an application's logo; `connect_sources` those that
    a script of the page may call.
    """

    __slots__ = ("connect_sources", "context", "form_targets", "headers", "image_sources", "status", "template")

    def __init__(
        self,
        template: str,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        form_targets: Sequence[str] = (),
        image_sources: Sequence[str] = (),
        connect_sources: Sequence[str] = (),
        **context: object,
    ) -> None:
        self.template = template
        self.status = status
        self.headers = dict(headers or {})
        self.form_targets = form_targets
        self.image_sources = image_sources
        self.connect_sources = connect_sources
        self.context = context


class Rendered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def error(
    status: int,
    *,
    title: str | None = None,
    text: str | None = None,
    request_id: str | None = None,
    is_bare: bool = False,
) -> Html:
    """The page for a refused or failed request, in words for a person; `title` and `text` replace the usual ones.

    `is_bare` leaves out the navigation and the way to the start page, for people who only followed a link.
    """
    usual_title, usual_text = _ERRORS.get(status, _ERRORS[500 if status >= 500 else 400])
    title, text = title or usual_title, text or usual_text
    return Html("error.html", status, title=title, text=text, request_id=request_id, bare=is_bare)


def render(page: Html, *, csrf_token: str = "", session: Session | None = None, path: str = "") -> Rendered:
    field = Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, csrf_token)
    told_in = _zone.set(ZoneInfo(session.time_zone) if session else UTC)
    try:
        body = fill(page.template, **{"session": session, **page.context}, csrf_field=field, path=path)
    finally:
        _zone.reset(told_in)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": _policy(page),
        **_SECURITY_HEADERS,
        **page.headers,
    }
    if cookies.is_secure():
        headers["Strict-Transport-Security"] = f"max-age={_A_YEAR_SECONDS}"
    return Rendered(page.status, headers, body.encode())


def fill(template: str, **context: object) -> str:
    """A template's text; values are escaped in `.html` templates and left as they are in `.txt` ones."""
    return _environment().get_template(template).render(settings=config.current(), static=static_url, **context)


def static_url(name: str) -> str:
    """The address of a file in `static/`; it holds a digest of the content, so browsers may keep it for a year."""
    return f"{STATIC_PATH}/{_static_names()[name]}"


def static_file(hashed_name: str) -> Rendered | None:
    body = _static_files().get(hashed_name)
    if body is None:
        return None
    headers = {
        "Content-Type": _CONTENT_TYPES[Path(hashed_name).suffix],
        "Cache-Control": f"public, max-age={_A_YEAR_SECONDS}, immutable",
        "X-Content-Type-Options": "nosniff",
        # An SVG opened by itself is a document, and could run scripts if one ever held any.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Rendered(200, headers, body)


def _policy(page: Html) -> str:
    """Scripts and styles come from our own files only; nothing written into a page ever runs."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            " ".join(["connect-src 'self'", *page.connect_sources]),
            " ".join(["img-src 'self' data:", *page.image_sources]),
            "frame-src 'self'",
            " ".join(["form-action 'self'", *page.form_targets]),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(_PLATFORM / "templates"), PrefixLoader(_slice_loaders())]),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["day"] = _day
    environment.filters["number"] = _number
    return environment


def _slice_loaders() -> dict[str, BaseLoader]:
    folders = sorted(_PLATFORM.parent.glob("*/templates"))
    return {folder.parent.name: FileSystemLoader(folder) for folder in folders if folder.parent != _PLATFORM}


def _moment(at: datetime) -> Markup:
    """A time as people read it; the machine-readable form rides along for programs and screen readers."""
    local = at.astimezone(_zone.get())
    text = f"{local.day} {local:%b %Y, %H:%M %Z}"
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="seconds"), text)


def _day(at: datetime) -> Markup:
    """A time of which only the date matters."""
    local = at.astimezone(_zone.get())
    return Markup('<time datetime="{}">{}</time>').format(f"{local:%Y-%m-%d}", f"{local.day} {local:%b %Y}")


def _number(count: int) -> str:
    return f"{count:,}"


@cache
def _static_names() -> dict[str, str]:
    return {file.name: _hashed(file) for file in (_PLATFORM / "static").iterdir() if file.suffix in _CONTENT_TYPES}


@cache
def _static_files() -> dict[str, bytes]:
    return {hashed: (_PLATFORM / "static" / name).read_bytes() for name, hashed in _static_names().items()}


def _hashed(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    return f"{file.stem}.{digest}{file.suffix}"
