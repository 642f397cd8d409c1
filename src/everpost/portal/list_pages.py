"""Pages about contact lists: all of them with their sizes, making one, renaming, deleting.

Source: contract, contacts.md §7.
"""

from typing import Any, Final, Literal

import msgspec

from everpost.activities import list_deletions
from everpost.contacts import lists
from everpost.contacts.lists import ListNameTaken, ListQuery
from everpost.contacts.shapes import ContactList, ContactListIn
from everpost.ids import AccountId, ListId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_audience, forms
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Contact Lists")

_READ: Final[dict[str, Any]] = {"privilege": "contacts:lists:read"}
_WRITE: Final[dict[str, Any]] = {"privilege": "contacts:lists:write"}
_ONE: Final[dict[str, Any]] = {**_WRITE, "bad_id_status": 404}


class ListsPageQuery(msgspec.Struct, frozen=True):
    done: Literal["", "made", "renamed", "deleting"] = ""


@pages.get("/lists", **_READ)
async def show_lists(conn: Conn, session: Session, query: ListsPageQuery) -> Html:
    """All of them by name, with their sizes."""
    return await _page(conn, session.account_id, done=query.done)


@pages.post("/lists", **_WRITE)
async def create_list(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Make a list, with nobody on it."""
    try:
        async with savepoint(conn):
            await lists.create(conn, session.account_id, forms.read(ContactListIn, form, keeps_empty=True))
    except (Invalid, ListNameTaken) as error:
        return await _page(conn, session.account_id, name=form.get("name", ""), error=error)
    return redirect("/lists?done=made")


@pages.get("/lists/{list_id}/rename", **_ONE)
async def show_rename_form(conn: Conn, session: Session, list_id: ListId) -> Html:
    """The form, with the name that it has."""
    held = await _get(conn, session.account_id, list_id)
    return Html("portal/list_rename.html", held=held, name=held.name, problems=Problems())


@pages.post("/lists/{list_id}/rename", **_ONE)
async def rename_list(conn: Conn, session: Session, list_id: ListId, form: dict[str, str]) -> Html | Answer:
    """Rename it; what else it says of itself stays."""
    held = await _get(conn, session.account_id, list_id)
    try:
        async with savepoint(conn):
            new = forms.read(ContactListIn, {"name": form.get("name", "")}, keeps_empty=True)
            new.description, new.favorite = held.description, held.favorite
            await lists.change(conn, session.account_id, list_id, new)
    except (Invalid, ListNameTaken) as error:
        name, problems = form.get("name", ""), _problems(error)
        return Html("portal/list_rename.html", status=error.status, held=held, name=name, problems=problems)
    return redirect("/lists?done=renamed")


@pages.get("/lists/{list_id}/delete", **_ONE)
async def ask_to_delete(conn: Conn, session: Session, list_id: ListId) -> Html:
    """Asks before it is gone."""
    held = await _get(conn, session.account_id, list_id)
    return Html(
        "confirm.html",
        title=f"Delete “{held.name}”?",
        text="The contacts on it stay. Drafts that were to go to it are left without it.",
        action=f"/lists/{list_id}/delete",
        button_label="Delete",
        kind="danger",
        cancel="/lists",
    )


@pages.post("/lists/{list_id}/delete", **_ONE)
async def delete_list(conn: Conn, session: Session, list_id: ListId) -> Answer:
    """In the background, as a bulk activity."""
    await lists.require(conn, session.account_id, list_id)
    await list_deletions.start_one(conn, session.account_id, list_id)
    return redirect("/lists?done=deleting")


async def _get(conn: Conn, account_id: AccountId, list_id: ListId) -> ContactList:
    """Raises: NotFound, also for a deleted one."""
    await lists.require(conn, account_id, list_id)
    return await lists.get(conn, account_id, list_id, ListQuery())


async def _page(
    conn: Conn, account_id: AccountId, *, name: str = "", error: ApiError | None = None, done: str = ""
) -> Html:
    return Html(
        "portal/lists.html",
        status=error.status if error else 200,
        lists=await campaign_audience.all_lists(conn, account_id, has_sizes=True),
        name=name,
        problems=_problems(error),
        done=done,
    )


def _problems(error: ApiError | None) -> Problems:
    if error is None:
        return Problems()
    if isinstance(error, ListNameTaken):
        return Problems(name="Another list already has this name.")
    return forms.problems(error, {"name": ""})
