"""Where a marketer writes an email of blocks, and the preview of every email while it is written.

One form holds the whole email, and each of its buttons sends all of it: what can be saved is saved, what is not
complete comes back as it was typed, with what is missing beside it. Two people who write at once are told; neither
overwrites the other unknowingly. Source: contract, campaigns.md §2.4, §2.5, §3.8, §4.
"""

from contextlib import suppress
from typing import Any, Final, Literal

from msgspec import Struct

from everpost.campaigns import block_mjml, block_problems, campaign_activities, content, documents
from everpost.campaigns.block_shapes import Document
from everpost.campaigns.documents import DocumentChanged, DocumentInvalid
from everpost.ids import AccountId, CampaignId
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import campaign_parts, composer_edits, composer_forms, composer_view
from everpost.portal.campaign_parts import Opened
from everpost.portal.composer_edits import Edit
from everpost.portal.composer_forms import FormBroken
from everpost.portal.composer_view import Draft, View
from everpost.portal.forms import Problems

pages: Final = Pages(tag="Email Campaigns")

# An email of 400 KB, and every third letter of it written as three in a form.
_LARGEST_FORM_BYTES: Final = 2 * 1024 * 1024
_SAVE: Final[dict[str, Any]] = {**campaign_parts.WRITE, "max_body_bytes": _LARGEST_FORM_BYTES}


class ComposerQuery(Struct, frozen=True):
    """`at` is the block that stands open, `done` what has just been done."""

    at: str = ""
    done: Literal["", "saved"] = ""


class Attempt(Struct, frozen=True):
    """A form that was sent: the document in it, after what its button did."""

    opened: Opened
    form: dict[str, str]
    document: Document
    edit: Edit


class ViewQuery(Struct, frozen=True):
    view: View = "html"


@pages.get("/campaigns/{campaign_id}/content", **campaign_parts.WRITE)
async def show_composer(conn: Conn, session: Session, campaign_id: CampaignId, query: ComposerQuery) -> Html | Answer:
    """The email as it is stored; one that was written in HTML has a page of its own."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    if opened.email.format_type != content.EDITOR:
        return redirect(f"/campaigns/{campaign_id}/html")
    kept = await documents.of_activity(conn, session.account_id, opened.email.campaign_activity_id)
    if kept is None:
        return composer_view.start(opened)
    draft = Draft(
        document=kept.document,
        version=kept.version,
        preheader=opened.email.preheader or "",
        problems=Problems(),
        at=query.at,
        done=query.done,
    )
    return await composer_view.blocks(conn, session.account_id, opened, draft)


@pages.post("/campaigns/{campaign_id}/content", **_SAVE)
async def save_blocks(conn: Conn, session: Session, campaign_id: CampaignId, form: dict[str, str]) -> Html | Answer:
    """What any button of the composer does: change the document of the form, and save it if it is complete."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    document = composer_forms.read(form)
    edit = composer_edits.apply(document, form.get("do", ""), at=form.get("at", ""))
    attempt = Attempt(opened, form, document, edit)
    try:
        await _change(conn, session.account_id, attempt)
    except (DocumentChanged, Invalid) as error:
        draft = await _refused(conn, session.account_id, attempt, error)
        return await composer_view.blocks(conn, session.account_id, opened, draft)
    done = "done=saved&" if edit.verb == "save" else ""
    return redirect(f"/campaigns/{campaign_id}/content?{done}at={edit.at}{edit.at and f'#edit-{edit.at}'}")


@pages.post("/campaigns/{campaign_id}/content/start", **campaign_parts.WRITE)
async def start_blocks(conn: Conn, session: Session, campaign_id: CampaignId) -> Answer:
    """Begin the document of an email whose content an application wrote."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    # Somebody may have begun it already, perhaps by pressing twice.
    with suppress(DocumentChanged):
        await documents.change(
            conn,
            session.account_id,
            opened.email.campaign_activity_id,
            documents.starter(),
            preheader=opened.email.preheader,
            expected_version=0,
        )
    return redirect(f"/campaigns/{campaign_id}/content?at=0")


@pages.get("/campaigns/{campaign_id}/content/preview", **campaign_parts.WRITE)
async def show_preview(conn: Conn, session: Session, campaign_id: CampaignId, query: ViewQuery) -> Answer:
    """The email as it is stored, for the frame."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    kept = await documents.of_activity(conn, session.account_id, opened.email.campaign_activity_id)
    html = await campaign_activities.html_of(conn, session.account_id, campaign_id)
    if kept is not None:
        html = block_mjml.html(kept.document, has_places=True)
    return await composer_view.frame(
        conn, session.account_id, opened, query.view, html=html, preheader=opened.email.preheader
    )


@pages.post("/campaigns/{campaign_id}/content/preview", **_SAVE)
async def preview_form(
    conn: Conn, session: Session, campaign_id: CampaignId, query: ViewQuery, form: dict[str, str]
) -> Answer:
    """The email as the form has it, saved or not, complete or not."""
    opened = await campaign_parts.find(conn, session.account_id, campaign_id)
    html, preheader = form.get("html_content", ""), form.get("preheader", opened.email.preheader)
    if opened.email.format_type == content.EDITOR:
        shown = block_problems.without_gaps(composer_forms.read(form))
        html = block_mjml.html(shown, has_places=True)
    return await composer_view.frame(conn, session.account_id, opened, query.view, html=html, preheader=preheader)


async def _change(conn: Conn, account_id: AccountId, attempt: Attempt) -> int:
    """The button that replaces what somebody else saved names their version; all others that which was read."""
    form = attempt.form
    return await documents.change(
        conn,
        account_id,
        attempt.opened.email.campaign_activity_id,
        attempt.document,
        preheader=form.get("preheader", "").strip() or None,
        expected_version=_version(form.get("replace") or form.get("version", "")),
    )


async def _refused(conn: Conn, account_id: AccountId, attempt: Attempt, error: DocumentChanged | Invalid) -> Draft:
    """What was typed, as it was typed, with the reason why it is not saved."""
    kept = await documents.of_activity(conn, account_id, attempt.opened.email.campaign_activity_id)
    is_late = isinstance(error, DocumentChanged)
    return Draft(
        document=attempt.document,
        version=_version(attempt.form.get("version", "")),
        preheader=attempt.form.get("preheader", ""),
        problems=_problems(error, attempt.edit),
        at=attempt.edit.at,
        is_saved=False,
        theirs=kept.version if kept is not None and is_late else None,
        status=200 if attempt.edit.is_new and not is_late else error.status,
    )


def _problems(error: DocumentChanged | Invalid, edit: Edit) -> Problems:
    if isinstance(error, DocumentInvalid):
        # Nobody has had the time to fill in a block that was just made.
        found = [problem for problem in error.problems if not (edit.is_new and problem.place == edit.at)]
        return composer_forms.problems(found)
    return Problems() if isinstance(error, DocumentChanged) else campaign_parts.problems(error, {"preheader": ""})


def _version(text: str) -> int:
    """Raises: FormBroken."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise FormBroken
    return int(text)
