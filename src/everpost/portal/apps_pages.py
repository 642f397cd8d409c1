"""My Applications as pages. The rules are those of `oauth.registrations`. Source: contract, portal.md §5.1-§5.3."""

import re
from typing import Any, Final, Literal

import msgspec

from everpost.ids import AppId
from everpost.oauth import redirect_uris, registrations
from everpost.oauth.registrations import Developer, Registration, RegistrationChange, RegistrationIn
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms, sign_ups
from everpost.portal.forms import Problems
from everpost.portal.sign_ups import NotConfirmed

pages: Final = Pages(tag="Portal")

_ALL: Final = "/portal/apps"
_ONE: Final = "/portal/apps/{client_id}"
_RULES: Final[dict[str, Any]] = {"privilege": "account:read", "bad_id_status": 404}
# Each URI is a field of its own.
_URI_FIELD: Final = re.compile(r"redirect_uri_([0-9]{1,4})")
_TEXTS: Final = (
    "public_name", "description", "logo_url", "website", "support_url", "support_email", "refresh_token_type",
    "visibility",
)  # fmt: skip


class DoneQuery(msgspec.Struct):
    """What has just been done, for the note above the page."""

    done: Literal["", "created", "saved", "deleted", "activated", "deactivated", "revoked"] = ""


@pages.get(_ALL, **_RULES)
async def show_apps(conn: Conn, session: Session, query: DoneQuery) -> Html:
    """The applications that this person registered."""
    found = await registrations.all_of(conn, session.user_id)
    may_register = await _may_register(conn, session)
    return Html("portal/apps.html", apps=found, most=registrations.MOST, done=query.done, may_register=may_register)


@pages.get(_ALL + "/new", **_RULES)
async def show_new(conn: Conn, session: Session) -> Html:
    """The form for another one."""
    return _new_form({}, Problems(), may_register=await _may_register(conn, session))


@pages.post(_ALL, **_RULES)
async def create(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """Register it, and go on to its details."""
    try:
        await sign_ups.require_confirmed(conn, session.user_id)
        new = forms.read(RegistrationIn, form)
        made = await registrations.create(conn, Developer(session.user_id, session.account_id), new)
    except NotConfirmed:
        return _new_form(form, Problems(), may_register=False, status=403)
    except ApiError as error:
        return _new_form(form, forms.problems(error, {"name": ""}), status=error.status)
    return redirect(f"{_ALL}/{made.client_id}?done=created")


@pages.get(_ONE, **_RULES)
async def show_app(conn: Conn, session: Session, client_id: AppId, query: DoneQuery) -> Html:
    """Everything about one application."""
    app = await registrations.get(conn, session.user_id, client_id)
    values = {name: getattr(app, name) for name in _TEXTS}
    return await _details(conn, session, app, values, app.redirect_uris, done=query.done)


@pages.post(_ONE, **_RULES)
async def save(conn: Conn, session: Session, client_id: AppId, form: dict[str, str]) -> Html | Answer:
    """Store all changes at once; or only show one more field for a redirect URI."""
    app = await registrations.get(conn, session.user_id, client_id)
    uris = _uris(form)
    if form.get("decision") == "add":
        return await _details(conn, session, app, form, uris, is_adding=True)
    try:
        wanted = forms.read(RegistrationChange, form, keeps_empty=True)
        if app.oauth_setting != "device":
            wanted.redirect_uris = uris
        await registrations.change(conn, session.user_id, client_id, wanted)
    except ApiError as error:
        return await _details(conn, session, app, form, uris, error=error)
    return redirect(f"{_ALL}/{client_id}?done=saved")


@pages.get(_ONE + "/secret", **_RULES)
async def ask_for_secret(conn: Conn, session: Session, client_id: AppId) -> Html:
    """The first of two clicks: what a new secret means."""
    app = await registrations.get(conn, session.user_id, client_id)
    text = [f"{app.name} gets a secret that is shown once: store it where your program reads it."]
    if app.has_secret:
        text.append("The secret it has now stops working at once.")
    return Html(
        "confirm.html",
        title="Generate a secret?",
        text=text,
        action=f"{_ALL}/{client_id}/secret",
        button_label="Generate secret",
        cancel=f"{_ALL}/{client_id}",
    )


@pages.post(_ONE + "/secret", **_RULES)
async def generate_secret(conn: Conn, session: Session, client_id: AppId) -> Html:
    """The second click: the secret, this once."""
    secret = await registrations.generate_secret(conn, session.user_id, client_id)
    app = await registrations.get(conn, session.user_id, client_id)
    return Html("portal/secret.html", app=app, secret=secret)


@pages.get(_ONE + "/secret/revoke", **_RULES)
async def ask_to_revoke_secret(conn: Conn, session: Session, client_id: AppId) -> Html:
    """Asks before the application cannot prove itself any more."""
    app = await registrations.get(conn, session.user_id, client_id)
    return Html(
        "confirm.html",
        title="Revoke the secret?",
        text=f"{app.name} cannot get or refresh tokens until you generate another secret.",
        action=f"{_ALL}/{client_id}/secret/revoke",
        button_label="Revoke secret",
        kind="danger",
        cancel=f"{_ALL}/{client_id}",
    )


@pages.post(_ONE + "/secret/revoke", **_RULES)
async def revoke_secret(conn: Conn, session: Session, client_id: AppId) -> Answer:
    """The application has no secret any more."""
    await registrations.revoke_secret(conn, session.user_id, client_id)
    return redirect(f"{_ALL}/{client_id}?done=revoked")


@pages.post(_ONE + "/deactivate", **_RULES)
async def deactivate(conn: Conn, session: Session, client_id: AppId) -> Answer:
    """Its calls answer 403 until it is activated."""
    await registrations.deactivate(conn, session.user_id, client_id)
    return redirect(f"{_ALL}/{client_id}?done=deactivated")


@pages.post(_ONE + "/activate", **_RULES)
async def activate(conn: Conn, session: Session, client_id: AppId) -> Answer:
    """Its calls are answered again."""
    await registrations.activate(conn, session.user_id, client_id)
    return redirect(f"{_ALL}/{client_id}?done=activated")


@pages.get(_ONE + "/delete", **_RULES)
async def ask_to_delete(conn: Conn, session: Session, client_id: AppId) -> Html:
    """Asks for the name, so that nobody deletes the wrong one."""
    return _delete_form(await registrations.get(conn, session.user_id, client_id), Problems())


@pages.post(_ONE + "/delete", **_RULES)
async def delete(conn: Conn, session: Session, client_id: AppId, form: dict[str, str]) -> Html | Answer:
    """For good; every grant of it ends."""
    app = await registrations.get(conn, session.user_id, client_id)
    if form.get("name", "").strip() != app.name:
        return _delete_form(app, Problems(name="Type the name exactly as it is shown."), 400)
    await registrations.delete(conn, session.user_id, client_id)
    return redirect(f"{_ALL}?done=deleted")


async def _may_register(conn: Conn, session: Session) -> bool:
    try:
        await sign_ups.require_confirmed(conn, session.user_id)
    except NotConfirmed:
        return False
    return True


def _uris(form: dict[str, str]) -> list[str]:
    """The redirect URIs of the form in their order; an emptied field is one that was removed."""
    numbered = sorted((int(found[1]), name) for name in form if (found := _URI_FIELD.fullmatch(name)))
    return [text for _, name in numbered if (text := form[name].strip())]


def _new_form(form: dict[str, str], problems: Problems, *, may_register: bool = True, status: int = 200) -> Html:
    values = {name: form.get(name, "") for name in ("name", "oauth_setting", "refresh_token_type")}
    return Html("portal/new_app.html", status, values=values, problems=problems, may_register=may_register)


async def _details(
    conn: Conn,
    session: Session,
    app: Registration,
    values: dict[str, str],
    uris: list[str],
    *,
    done: str = "",
    error: ApiError | None = None,
    is_adding: bool = False,
) -> Html:
    fields = [*uris, ""] if is_adding or not uris else uris
    return Html(
        "portal/app.html",
        200 if error is None else error.status,
        app=app,
        values={name: values.get(name) or "" for name in _TEXTS},
        uris=fields[: redirect_uris.MOST],
        may_add=len(fields) < redirect_uris.MOST,
        is_adding=is_adding,
        problems=Problems() if error is None else _problems(error, values),
        usage=await registrations.usage(conn, session.user_id, app.client_id),
        audience=await registrations.audience(conn, session.user_id, app.client_id),
        done=done,
    )


def _problems(error: ApiError, values: dict[str, str]) -> Problems:
    return forms.problems(error, {**values, "redirect_uris": ""})


def _delete_form(app: Registration, problems: Problems, status: int = 200) -> Html:
    return Html("portal/delete_app.html", status, app=app, problems=problems)
