"""The API reference: one page per operation, made from the document that `/v3/openapi.json` serves.

Every page can be read without scripts. With them, Swagger UI sends real requests from the page, with a token that the
reference's own application gets from whoever signs in; the token lives in the page's memory and nowhere else.
Source: contract, portal.md §6.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from functools import cache
from typing import Final

from everpost.ids import AppId
from everpost.oauth import apps
from everpost.platform import config, openapi
from everpost.platform.db import Conn
from everpost.platform.errors import NotFound
from everpost.platform.http import Door, Html, Pages
from everpost.platform.openapi import About
from everpost.portal import reference_pages, swagger_ui
from everpost.portal.reference_pages import Operation, Tag

SCOPES: Final = ("account_read", "account_update", "contact_data", "campaign_data")


def page_doors(doors: Iterable[Door], about: About) -> list[Door]:
    """The reference of these doors."""
    listed = list(doors)
    pages = Pages()
    known_apps: list[AppId] = []

    @cache
    def tags() -> list[Tag]:
        return reference_pages.read(openapi.document(listed, about))

    async def client_id(conn: Conn) -> AppId:
        # Fixed per installation, so it is looked up once per process.
        if not known_apps:
            known_apps.append((await apps.reference(conn)).client_id)
        return known_apps[0]

    @pages.get("/reference", "/portal/reference")
    async def show_reference() -> Html:
        """Every operation, by what it is about."""
        return Html("portal/reference/index.html", tags=tags())

    @pages.get("/reference/callback", "/portal/reference/callback")
    async def come_back() -> Html:
        """Where the authorization server sends people; a script hands the answer to the page that asked."""
        return Html("portal/reference/callback.html")

    @pages.get("/reference/{name}", "/portal/reference/{name}")
    async def show_operation(conn: Conn, name: str) -> Html:
        """One operation: parameters, bodies, answers, samples, and a way to try it."""
        operations = [operation for tag in tags() for operation in tag.operations]
        found = next((each for each in operations if each.name == name), None)
        if found is None:
            raise NotFound
        return _page(found, operations, tags(), await client_id(conn))

    return list(pages)


def _page(operation: Operation, operations: list[Operation], tags: list[Tag], client_id: AppId) -> Html:
    place = operations.index(operation)
    settings = config.current()
    verifier = secrets.token_urlsafe(32)
    return Html(
        "portal/reference/operation.html",
        operation=operation,
        tags=tags,
        previous=operations[place - 1] if place > 0 else None,
        following=operations[place + 1] if place + 1 < len(operations) else None,
        script=swagger_ui.address(),
        client_id=client_id,
        scopes=" ".join(SCOPES),
        callback=settings.auth_origin + apps.REFERENCE_CALLBACK,
        # Made here because browsers hash for scripts only on pages that came over TLS or from the machine itself.
        verifier=verifier,
        challenge=base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        connect_sources=[settings.api_origin, settings.auth_origin],
    )
