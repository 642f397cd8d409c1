"""The doors that mails knock at: the open pixel and the tracked links. Bare ASGI, because every recipient comes here.

Rules:
- `GET /o/<token>.gif` always answers with the same transparent GIF; a token that is not ours records nothing.
- `GET /c/<token>` redirects to the link's own target, never to anything from the request; a bad token is a 404 page.
  `/l/` does the same for the hidden link, away from where people's programs look for links.
- A click in a mail without a pixel is recorded as an open as well, at the same time.
- The event is on disk before the answer goes out. HEAD and prefetches get the answer and record nothing.
Source: contract, campaigns.md §6.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from everpost.platform import clock, logs, pages
from everpost.platform.db import Db, Unreachable
from everpost.platform.errors import Unavailable
from everpost.tracking import ingest, machines, programs, tokens
from everpost.tracking.device_types import device_type
from everpost.tracking.hits import Hit
from everpost.tracking.links import Target, Targets
from everpost.tracking.tokens import Kind, Reference

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
# Fills the tags of a link's target for one recipient. Who knows contacts stands above this slice, so it is handed in.
Personalise: TypeAlias = Callable[[Db, Reference, str], Awaitable[str]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

PIXEL: Final = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_NOT_STORED: Final = (b"cache-control", b"no-store, max-age=0")
_PIXEL_HEADERS: Final = [(b"content-type", b"image/gif"), (b"content-length", b"43"), _NOT_STORED]
_TAG: Final = "[["
_WEB: Final = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
# What a URL may hold unescaped, with `%` because authored targets are escaped already.
_SAFE: Final = "%/:=&?~#+!$,;'@()*[]"

log = logs.get(__name__)


class Ingest:
    """`/o/`, `/c/` and `/l/` of one process; between `start` and `stop` it is an ASGI application."""

    def __init__(self, personalise: Personalise | None = None) -> None:
        self._personalise = personalise

    async def start(self, db: Db) -> None:
        self._db = db
        self._queue = ingest.Queue(db)
        self._targets = Targets(db)
        self._signer = tokens.signer()

    async def stop(self) -> None:
        """Everything that was accepted is stored first."""
        await self._queue.close()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            await _send_page(send, 405, [(b"allow", b"GET, HEAD")])
            return
        try:
            if scope["path"].startswith("/o/"):
                await self._open(scope, send)
            else:
                await self._click(scope, send)
        except (Unavailable, *Unreachable):
            await _send_page(send, 503, [(b"retry-after", b"1")], is_head=method == "HEAD")
        except Exception:
            log.exception("tracking failed", door=scope["path"][:3])
            await _send_page(send, 500, is_head=method == "HEAD")

    async def _open(self, scope: Scope, send: Send) -> None:
        token = scope["path"][3:]
        reference = self._signer.read(Kind.OPEN, token[:-4]) if token.endswith(".gif") else None
        if reference is not None:
            await self._record(scope, reference)
        await _send(send, 200, _PIXEL_HEADERS, PIXEL, is_head=scope["method"] == "HEAD")

    async def _click(self, scope: Scope, send: Send) -> None:
        reference = self._signer.read(Kind.CLICK, scope["path"][3:])
        target = None if reference is None else await self._targets.find(reference)
        location = None if reference is None or target is None else await self._location(reference, target)
        if reference is None or target is None or location is None:
            await _send_page(send, 404, is_head=scope["method"] == "HEAD")
            return
        await self._record(scope, reference, target)
        headers = [(b"location", location), (b"content-length", b"0"), _NOT_STORED]
        await _send(send, 302, headers, b"", is_head=False)

    async def _location(self, reference: Reference, target: Target) -> bytes | None:
        """Where to send the browser, or None when filling the tags left no web address."""
        url = target.url
        if _TAG in url and self._personalise is not None:
            url = await self._personalise(self._db, reference, url)
        return quote(url, safe=_SAFE).encode("ascii") if _WEB.match(url) else None

    async def _record(self, scope: Scope, reference: Reference, target: Target | None = None) -> None:
        headers = dict(scope["headers"])
        if scope["method"] == "HEAD" or machines.is_prefetch(headers):
            return
        hit = _hit(reference, target, headers.get(b"user-agent", b"").decode("latin-1"))
        if target is not None and target.stands_for_open:
            both = (msgspec.structs.replace(hit, url_id=None), hit)
            await asyncio.gather(*(self._queue.append(reference.account_id, each) for each in both))
        else:
            await self._queue.append(reference.account_id, hit)


def _hit(reference: Reference, target: Target | None, user_agent: str) -> Hit:
    return Hit(
        reference.campaign_activity_id,
        reference.contact_id,
        clock.now(),
        device_type(user_agent),
        None if target is None else reference.url_id,
        "honeypot" if target is not None and target.is_honeypot else programs.kind(user_agent),
    )


async def _send_page(send: Send, status: int, extra: Headers | None = None, *, is_head: bool = False) -> None:
    page = pages.render(pages.error(status))
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in page.headers.items()]
    headers += [(b"content-length", str(len(page.body)).encode()), *(extra or [])]
    await _send(send, status, headers, page.body, is_head=is_head)


async def _send(send: Send, status: int, headers: Headers, body: bytes, *, is_head: bool) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})
