"""The owner's page about who else works here: invite, change a role, switch access off and on."""

from typing import Any, Final, Literal

import msgspec

from everpost.accounts import people
from everpost.ids import UserId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Account")

_OWNER: Final[dict[str, Any]] = {"privilege": "account:update", "bad_id_status": 404}
_ONE: Final = "/account/people/{user_id}"


class PeopleQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "invited", "changed", "deactivated", "activated"] = ""


class RoleForm(msgspec.Struct):
    """The role that somebody gets."""

    role: str = ""


@pages.get("/account/people", **_OWNER)
async def show_people(conn: Conn, session: Session, query: PeopleQuery) -> Html:
    """Everybody of the account, and the form to invite one more."""
    return await _people(conn, session, {}, done=query.done)


@pages.post("/account/people", **_OWNER)
async def invite(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Mail an invitation."""
    email, role = form.get("email_address", ""), form.get("role", "")
    try:
        await people.invite(conn, session.account_id, email=email, role=role, by=session.user_id)
    except ApiError as error:
        return await _people(conn, session, form, error=error)
    return redirect("/account/people?done=invited")


@pages.get(_ONE, **_OWNER)
async def show_person(conn: Conn, session: Session, user_id: UserId) -> Html:
    """One person: their role and whether they have access."""
    return Html(
        "portal/person.html", person=await people.get(conn, session.account_id, user_id), names=people.ROLE_NAMES
    )


@pages.post(_ONE + "/role", **_OWNER)
async def change_role(conn: Conn, session: Session, user_id: UserId, form: RoleForm) -> Answer:
    """Takes effect with the person's next request."""
    await people.change_role(conn, session.account_id, user_id, form.role, by=session.user_id)
    return redirect("/account/people?done=changed")


@pages.post(_ONE + "/invite", **_OWNER)
async def invite_again(conn: Conn, session: Session, user_id: UserId) -> Answer:
    """Another mail to somebody who has not accepted yet."""
    await people.invite_again(conn, session.account_id, user_id)
    return redirect("/account/people?done=invited")


@pages.post(_ONE + "/deactivate", **_OWNER)
async def deactivate(conn: Conn, session: Session, user_id: UserId) -> Answer:
    """The person is signed out everywhere and no token of theirs works."""
    await people.deactivate(conn, session.account_id, user_id, by=session.user_id)
    return redirect("/account/people?done=deactivated")


@pages.post(_ONE + "/activate", **_OWNER)
async def activate(conn: Conn, session: Session, user_id: UserId) -> Answer:
    """Access again."""
    await people.activate(conn, session.account_id, user_id, by=session.user_id)
    return redirect("/account/people?done=activated")


async def _people(
    conn: Conn, session: Session, form: dict[str, str], *, error: ApiError | None = None, done: str = ""
) -> Html:
    return Html(
        "portal/people.html",
        200 if error is None else error.status,
        people=await people.all_of(conn, session.account_id),
        names=people.ROLE_NAMES,
        values={"email_address": form.get("email_address", ""), "role": form.get("role") or "account_manager"},
        problems=Problems() if error is None else forms.problems(error, {"email_address": "", "role": ""}),
        done=done,
    )
