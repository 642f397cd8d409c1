"""Guides for people who write programs against this instance; every address in them is the instance's own.

Each is a template in `templates/docs`, listed here in reading order. Source: contract, portal.md §1, §6.
"""

from typing import Final

import msgspec

from everpost.oauth import scopes
from everpost.platform import config
from everpost.platform.errors import NotFound
from everpost.platform.http import Html, Pages
from everpost.portal.code_samples import Call, CodeSample, samples

pages = Pages()


class Guide(msgspec.Struct, frozen=True):
    """A page of the guides; `name` is its address and its template."""

    name: str
    title: str
    summary: str


GUIDES: Final = (
    Guide("getting-started", "Getting started", "From signing up to imported contacts, step by step."),
    Guide("authorization", "Authorization", "How people let your application in, for servers, browsers and devices."),
    Guide("requests", "Requests and answers", "What goes in and comes out, with code in four languages."),
    Guide("errors", "Errors", "The two shapes of an error, and what each status means."),
    Guide("limits", "Limits", "How often an application may call, and how much fits into a request."),
    Guide("paging", "Paging", "Reading long collections page by page."),
    Guide("imports", "Imports and other bulk work", "Thousands of contacts in one request, and how to follow it."),
)


@pages.get("/portal/docs")
async def show_guides() -> Html:
    """All guides."""
    return Html("portal/docs/index.html", guides=GUIDES)


@pages.get("/portal/docs/{name}")
async def show_guide(name: str) -> Html:
    """One guide."""
    found = next((guide for guide in GUIDES if guide.name == name), None)
    if found is None:
        raise NotFound
    settings = config.current()
    return Html(
        f"portal/docs/{name}.html",
        guides=GUIDES,
        guide=found,
        api=f"{settings.api_origin}/v3",
        auth=f"{settings.auth_origin}/oauth2/default/v1",
        metadata=f"{settings.auth_origin}/.well-known/oauth-authorization-server/oauth2/default",
        scopes=scopes.MEANINGS,
        code=_code(f"{settings.api_origin}/v3"),
    )


def _code(api: str) -> dict[str, list[CodeSample]]:
    """The requests that guides show, by what they do."""
    new = {
        "email_address": {"address": "ana@example.com", "permission_to_send": "implicit"},
        "first_name": "Ana",
        "create_source": "Account",
    }
    upload = {"file": "@readers.csv", "list_ids": "LIST_ID"}
    return {
        "read": samples(Call("GET", f"{api}/contacts?limit=50&include=list_memberships")),
        "create": samples(Call("POST", f"{api}/contacts", body=new)),
        "import": samples(Call("POST", f"{api}/activities/contacts_file_import", parts=upload)),
    }
