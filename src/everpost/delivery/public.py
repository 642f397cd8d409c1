"""Doors for recipients: whoever holds the link of a mail may come in.

Source: contract, campaigns §6.5, §7; RFC 8058.
"""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from everpost.delivery import address_changes, forwards, profiles, unsubscribe, web_copies
from everpost.delivery.address_changes import Outcome
from everpost.delivery.forwards import ForwardForm, Original
from everpost.delivery.profiles import Profile
from everpost.delivery.test_messages import TEST_TOKEN
from everpost.delivery.unsubscribe import Subscriber
from everpost.ids import ListId
from everpost.platform import validation
from everpost.platform.db import Conn, Db
from everpost.platform.errors import ApiError, NotFound
from everpost.platform.http import Answer, Html, Pages, Request, redirect
from everpost.tracking import machines

pages: Final = Pages(tag="Recipients")

_NOT_LISTED: Final = {"X-Robots-Tag": "noindex"}
# What every page has by itself, for the answers that are none.
_PRIVATE: Final = {**_NOT_LISTED, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_LARGEST_FORM: Final = 65_536
# The author's own style sheets and pictures show; nothing runs, nothing is posted, and no other page frames it.
_MAIL_POLICY: Final = (
    "default-src 'none'; img-src * data:; style-src 'unsafe-inline' *; font-src * data:; form-action 'none';"
    " frame-ancestors 'none'; base-uri 'none'"
)
_ONE_CLICK: Final = "List-Unsubscribe"
_REASONS: Final = (
    "I get too many emails",
    "The content is not relevant to me",
    "I never signed up",
    "Another reason",
)


@pages.get("/u/{token}")
async def ask_to_leave(conn: Conn, token: str) -> Html:
    """The unsubscribe page. Looking at it changes nothing."""
    if token == TEST_TOKEN:
        return _test_page()
    return await _leave_page(conn, await _require_subscriber(conn, token), token)


@pages.post("/u/{token}", csrf=False, max_body_bytes=_LARGEST_FORM)
async def leave(conn: Conn, token: str, form: dict[str, str]) -> Html | Answer:
    """Unsubscribe. The token in the address is what proves the right; mail programs bring no cookie."""
    if token == TEST_TOKEN:
        return _test_page()
    subscriber = await _require_subscriber(conn, token)
    if form.get(_ONE_CLICK):
        await unsubscribe.leave(conn, subscriber)
        return Answer(b"Unsubscribed.\n", headers=_PRIVATE, media_type="text/plain; charset=utf-8")
    # A form without the field names nobody else.
    if not unsubscribe.is_own_address(subscriber, form.get("email_address", subscriber.email_address)):
        error = "The mail was sent to another address. Nothing was changed."
        return await _leave_page(conn, subscriber, token, error=error)
    if form.get("choice") == "lists":
        return _left_lists_page(subscriber, await unsubscribe.leave_lists(conn, subscriber, _chosen_lists(form)))
    way_back = await unsubscribe.leave(conn, subscriber, reason=form.get("reason", ""))
    return _left_page(subscriber, token, way_back)


@pages.post("/u/{token}/reason", csrf=False, max_body_bytes=_LARGEST_FORM)
async def say_why(conn: Conn, token: str, form: dict[str, str]) -> Html:
    """Why somebody left, asked after they did."""
    subscriber = await _require_subscriber(conn, token)
    await unsubscribe.give_reason(conn, subscriber, form.get("comment", "").strip() or form.get("reason", ""))
    return _message("good", "Thank you", "Your answer helps to do better.", brand=subscriber.organization_name)


@pages.post("/u/{token}/return", csrf=False, max_body_bytes=_LARGEST_FORM)
async def come_back(conn: Conn, token: str, form: dict[str, str]) -> Html:
    """It was a mistake: everything is as it was before."""
    subscriber = await _require_subscriber(conn, token)
    permission = await unsubscribe.come_back(conn, subscriber, form.get("way_back", ""))
    return _opted_in_page(subscriber.organization_name, subscriber.email_address, permission)


@pages.get("/profile/{token}")
async def show_profile(conn: Conn, token: str) -> Html | Answer:
    """What recipients can change by themselves; where that is switched off, the page to leave."""
    profile = await _require_profile(conn, token)
    return _profile_page(profile, token) if profile.settings.has_profile_link else _to_leave(profile)


@pages.post("/profile/{token}", csrf=False, max_body_bytes=_LARGEST_FORM)
async def change_profile(conn: Conn, token: str, form: dict[str, str]) -> Html | Answer:
    """Take over what was typed; another e-mail address is asked about first."""
    profile = await _require_profile(conn, token)
    if not profile.settings.has_profile_link:
        return _to_leave(profile)
    moves = address_changes.is_wanted(profile, form.get("email_address", ""))
    try:
        if moves:
            await address_changes.ask(conn, profile, form["email_address"])
        await profiles.change(conn, profile, form, _chosen_lists(form))
    except ApiError as error:
        return _profile_page(profile, token, form=form, error=error)
    texts = [f"{profile.organization_name} has your new details."]
    if moves:
        texts.append(f"A mail is on its way to {form['email_address'].strip()}. Please confirm the address there.")
    return _message("good", "Your profile is saved", *texts, brand=profile.organization_name)


@pages.post("/profile/{token}/return", csrf=False, max_body_bytes=_LARGEST_FORM)
async def opt_in_again(conn: Conn, token: str, form: dict[str, str]) -> Html:
    """Somebody who had unsubscribed wants mail again."""
    profile = await _require_profile(conn, token)
    permission = await profiles.opt_in(conn, profile, _chosen_lists(form))
    return _opted_in_page(profile.organization_name, profile.email_address, permission)


@pages.get(address_changes.PATH + "/{token}")
async def ask_about_address(conn: Conn, token: str) -> Html:
    """What the link in a mail to a new address stands for. Looking at it changes nothing."""
    found = await address_changes.find(conn, token)
    if found is None:
        return _expired_page()
    wanted, organization_name = found
    return Html(
        "confirm.html",
        headers=_NOT_LISTED,
        bare=True,
        brand=organization_name,
        csrf=False,
        title="Your new address",
        text=f"Shall {organization_name} send its email to {wanted.new_address} from now on?",
        action=f"{address_changes.PATH}/{token}",
        button_label="Confirm",
    )


@pages.post(address_changes.PATH + "/{token}", csrf=False)
async def confirm_address(conn: Conn, token: str) -> Html:
    """The new address counts from now on."""
    found = await address_changes.find(conn, token)
    outcome = await address_changes.confirm(conn, found[0]) if found else Outcome.EXPIRED
    if found is None or outcome is Outcome.EXPIRED:
        return _expired_page()
    wanted, organization_name = found
    if outcome is Outcome.TAKEN:
        text = f"{organization_name} sends email to {wanted.new_address} already. Your old address stays as it is."
        return _message("info", "We know this address", text, brand=organization_name)
    text = f"{organization_name} will send its email to {wanted.new_address}."
    return _message("good", "Thank you", text, brand=organization_name)


@pages.get("/f/{token}")
async def ask_for_friends(conn: Conn, token: str) -> Html:
    """The form to forward a mail."""
    original = await _require_original(conn, token)
    return _forward_page(original, token, ForwardForm(sender_name=original.forwarder_name))


@pages.post("/f/{token}", csrf=False, max_body_bytes=_LARGEST_FORM)
async def forward(conn: Conn, token: str, form: ForwardForm) -> Html:
    """Send a copy to each friend."""
    original = await _require_original(conn, token)
    try:
        friends = await forwards.forward(conn, original, form)
    except ApiError as error:
        return _forward_page(original, token, form, error=error)
    text = f"A copy goes to {', '.join(friends)}."
    return _message("good", "Your email is on its way", text, brand=original.organization_name)


@pages.get("/w/{token}")
async def view_mail(db: Db, token: str, request: Request) -> Answer:
    """A recipient's own copy of a mail. Whoever only asks for its headers, or loads ahead, has not looked at it."""
    raw = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
    html = await web_copies.read(
        db,
        token,
        user_agent=request.headers.get("user-agent", ""),
        is_looked_at=request.method == "GET" and not machines.is_prefetch(raw),
    )
    if html is None:
        raise NotFound
    headers = {**_PRIVATE, "Content-Security-Policy": _MAIL_POLICY, "X-Content-Type-Options": "nosniff"}
    return Answer(html.encode(), headers=headers, media_type="text/html; charset=utf-8")


async def _require_subscriber(conn: Conn, token: str) -> Subscriber:
    subscriber = await unsubscribe.find(conn, token)
    if subscriber is None:
        raise NotFound
    return subscriber


async def _require_profile(conn: Conn, token: str) -> Profile:
    profile = await profiles.find(conn, token)
    if profile is None:
        raise NotFound
    return profile


async def _require_original(conn: Conn, token: str) -> Original:
    original = await forwards.find(conn, token)
    if original is None:
        raise NotFound
    return original


def _chosen_lists(form: Mapping[str, str]) -> set[ListId]:
    """The ticked boxes: their names are the lists' ids."""
    return {ListId(UUID(name)) for name in form if validation.is_uuid(name)}


def _to_leave(profile: Profile) -> Answer:
    return redirect(f"/u/{profiles.leave_token(profile)}", headers=[*_PRIVATE.items()])


async def _leave_page(conn: Conn, subscriber: Subscriber, token: str, *, error: str | None = None) -> Html:
    return Html(
        "delivery/unsubscribe.html",
        400 if error else 200,
        headers=_NOT_LISTED,
        bare=True,
        brand=subscriber.organization_name,
        organization_name=subscriber.organization_name,
        email_address=subscriber.email_address,
        lists=await unsubscribe.visible_lists(conn, subscriber),
        action=f"/u/{token}",
        error=error,
    )


def _left_page(subscriber: Subscriber, token: str, way_back: str) -> Html:
    return Html(
        "delivery/left.html",
        headers=_NOT_LISTED,
        bare=True,
        brand=subscriber.organization_name,
        organization_name=subscriber.organization_name,
        email_address=subscriber.email_address,
        action=f"/u/{token}",
        way_back=way_back,
        reasons=_REASONS if subscriber.settings.has_comment_box else (),
        max_reason=unsubscribe.MAX_REASON,
    )


def _left_lists_page(subscriber: Subscriber, names: list[str]) -> Html:
    if not names:
        text = "No list was chosen. Go back to choose one."
        return _message("info", "Nothing was changed", text, brand=subscriber.organization_name)
    text = f"{subscriber.organization_name} will not send {subscriber.email_address} any more of: {', '.join(names)}."
    more = "You still get other email from them."
    return _message("good", "You left these lists", text, more, brand=subscriber.organization_name)


def _opted_in_page(organization_name: str, email_address: str, permission: str | None) -> Html:
    if permission == "pending_confirmation":
        text = f"A mail is on its way to {email_address}. Please confirm there that you want email."
        return _message("info", "One more step", text, brand=organization_name)
    text = f"{organization_name} will send email to {email_address} again."
    more = "You can unsubscribe at any time with the link in each mail."
    return _message("good", "Welcome back", text, more, brand=organization_name)


def _profile_page(
    profile: Profile, token: str, *, form: Mapping[str, str] | None = None, error: ApiError | None = None
) -> Html:
    stored = {**profiles.values(profile), "email_address": profile.email_address}
    chosen = set(profile.joined) if form is None else _chosen_lists(form)
    return Html(
        "delivery/profile.html",
        200 if error is None else error.status,
        headers=_NOT_LISTED,
        bare=True,
        brand=profile.organization_name,
        organization_name=profile.organization_name,
        email_address=profile.email_address,
        is_unsubscribed=profile.is_unsubscribed,
        values={name: (form or stored).get(name, "") for name in stored},
        lists=[(each.list_id, each.name, each.list_id in chosen) for each in profile.lists],
        problems={**dict.fromkeys([*stored, ""]), **(_problems(error, stored) if error else {})},
        is_refused=error is not None,
        action=f"/profile/{token}",
        leave=f"/u/{profiles.leave_token(profile)}",
    )


def _problems(error: ApiError, fields: Collection[str]) -> dict[str, str]:
    """By field: `street_addresses[0][state] is invalid` becomes `{"state": "Is invalid."}`; the rest without a name."""
    found: dict[str, str] = {}
    for message in error.messages:
        name, _, rest = message.partition(" ")
        field = name.rpartition("[")[2].rstrip("]")
        text = rest if field in fields else message.removeprefix("Validation failed: ")
        found.setdefault(field if field in fields else "", f"{text[:1].upper()}{text[1:].rstrip('.')}.")
    return found


def _forward_page(original: Original, token: str, form: ForwardForm, *, error: ApiError | None = None) -> Html:
    return Html(
        "delivery/forward.html",
        200 if error is None else error.status,
        headers=_NOT_LISTED,
        bare=True,
        brand=original.organization_name,
        organization_name=original.organization_name,
        forwarder_address=original.forwarder_address,
        subject=original.content.subject,
        form=form,
        limits={"name": forwards.MAX_NAME, "note": forwards.MAX_NOTE},
        problem=None if error is None else error.messages[0],
        wrong=forwards.field_of(error),
        action=f"/f/{token}",
    )


def _expired_page() -> Html:
    return _message("info", "This link is no longer good", "Links like this work once and for 60 days.")


def _test_page() -> Html:
    text = "The mail with this link was a test. In a real mail, this link lets its recipient unsubscribe."
    return _message("info", "This is a test", text)


def _message(kind: str, title: str, *text: str, brand: str = "") -> Html:
    """In the name of `brand`, an organisation, where one is known."""
    return Html("message.html", headers=_NOT_LISTED, bare=True, brand=brand, kind=kind, title=title, text=text)
