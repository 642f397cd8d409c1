"""Pages about segments: the list, the form with its conditions, whom they choose now, renaming and deleting.

Each button of the form sends all of it, so conditions come and go without a script and nothing that was typed is lost.
Source: contract, segments.md.
"""

import re
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from everpost.contacts import segment_previews, segments
from everpost.contacts.criteria import documents, references
from everpost.contacts.segment_previews import Preview
from everpost.contacts.segments import Segment, SegmentIn, SegmentNameIn, SegmentNameTaken, SegmentsQuery
from everpost.ids import AccountId, SegmentId
from everpost.platform.caller import Session
from everpost.platform.db import Conn, savepoint
from everpost.platform.errors import ApiError, Invalid
from everpost.platform.http import Answer, Html, Pages, redirect
from everpost.portal import forms, segment_rows, segment_subjects, segment_words
from everpost.portal.composer_forms import FormBroken
from everpost.portal.forms import OTHER, Problems
from everpost.portal.segment_rows import Draft, Row
from everpost.portal.segment_subjects import HELP, Subjects

pages: Final = Pages(tag="Segments")

READ: Final[dict[str, Any]] = {"privilege": "contacts:lists:read"}
WRITE: Final[dict[str, Any]] = {"privilege": "contacts:lists:write"}
_READ_ONE: Final[dict[str, Any]] = {**READ, "bad_id_status": 404}
_WRITE_ONE: Final[dict[str, Any]] = {**WRITE, "bad_id_status": 404}
_PREVIEWED: Final = 20
# A hundred conditions, each with many lists ticked.
_LARGEST_FORM_BYTES: Final = 1024 * 1024
_COMMAND: Final = re.compile(r"remove ([0-9]{1,3})")


class SegmentsPageQuery(msgspec.Struct, frozen=True):
    done: Literal["", "deleted"] = ""


class SegmentPageQuery(msgspec.Struct, frozen=True):
    done: Literal["", "saved", "created", "renamed"] = ""


@pages.get("/segments", **READ)
async def show_segments(conn: Conn, session: Session, query: SegmentsPageQuery) -> Html:
    """All of them, those that changed last first."""
    page = await segments.page(conn, session.account_id, SegmentsQuery())
    found = [(each, datetime.fromisoformat(each.edited_at)) for each in page.segments]
    return Html("portal/segments.html", segments=found, most=segments.MAXIMUM, done=query.done)


@pages.get("/segments/new", **WRITE)
async def show_new_segment(conn: Conn, session: Session) -> Html:
    """The form, with one condition to begin with."""
    subjects = await segment_subjects.find(conn, session.account_id)
    return await _form(conn, session, subjects, segment_rows.start())


@pages.post("/segments/new", max_body_bytes=_LARGEST_FORM_BYTES, **WRITE)
async def create_segment(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """What any button of the form does; only one of them saves."""
    return await _press(conn, session, form, None)


@pages.get("/segments/{segment_id}", **_READ_ONE)
async def show_segment(conn: Conn, session: Session, segment_id: SegmentId, query: SegmentPageQuery) -> Html:
    """Its conditions, and whom they choose now."""
    held = await _get(conn, session.account_id, segment_id)
    subjects = await segment_subjects.find(conn, session.account_id)
    draft = segment_rows.find(held.name, held.segment_criteria, subjects)
    if draft is None or WRITE["privilege"] not in session.privileges:
        return await _words(conn, session, held, subjects, done=query.done)
    return await _form(conn, session, subjects, draft, held=held, done=query.done)


@pages.post("/segments/{segment_id}", max_body_bytes=_LARGEST_FORM_BYTES, **_WRITE_ONE)
async def save_segment(conn: Conn, session: Session, segment_id: SegmentId, form: dict[str, str]) -> Html | Answer:
    """What any button of the form does; only one of them saves."""
    return await _press(conn, session, form, await _get(conn, session.account_id, segment_id))


@pages.post("/segments/{segment_id}/name", **_WRITE_ONE)
async def rename_segment(conn: Conn, session: Session, segment_id: SegmentId, form: dict[str, str]) -> Html | Answer:
    """Rename one whose conditions the form does not show."""
    held = await _get(conn, session.account_id, segment_id)
    try:
        new = forms.read(SegmentNameIn, form, keeps_empty=True)
        await segments.rename(conn, session.account_id, segment_id, new)
    except (Invalid, SegmentNameTaken) as error:
        subjects = await segment_subjects.find(conn, session.account_id)
        return await _words(conn, session, held, subjects, name=form.get("name", ""), error=error)
    return redirect(f"/segments/{segment_id}?done=renamed")


@pages.get("/segments/{segment_id}/delete", **_WRITE_ONE)
async def ask_to_delete(conn: Conn, session: Session, segment_id: SegmentId) -> Html:
    """Asks before it is gone."""
    held = await _get(conn, session.account_id, segment_id)
    return Html(
        "confirm.html",
        title=f"Delete “{held.name}”?",
        text="The contacts stay as they are. A campaign that is to go to this segment reaches nobody through it.",
        action=f"/segments/{segment_id}/delete",
        button_label="Delete",
        kind="danger",
        cancel=f"/segments/{segment_id}",
    )


@pages.post("/segments/{segment_id}/delete", **_WRITE_ONE)
async def delete_segment(conn: Conn, session: Session, segment_id: SegmentId) -> Answer:
    """Its name becomes free; the contacts stay."""
    await segments.delete(conn, session.account_id, segment_id)
    return redirect("/segments?done=deleted")


async def _get(conn: Conn, account_id: AccountId, segment_id: SegmentId) -> Segment:
    """Raises: NotFound, also for a deleted one, which only programs still read."""
    await segments.require(conn, account_id, segment_id)
    return await segments.get(conn, account_id, segment_id)


async def _press(conn: Conn, session: Session, form: dict[str, str], held: Segment | None) -> Html | Answer:
    subjects = await segment_subjects.find(conn, session.account_id)
    draft, do = segment_rows.read(form), form.get("do", "")
    if do == "add":
        _add(draft, subjects, form.get("add", ""))
        return await _form(conn, session, subjects, draft, held=held, is_edited=True, opened=len(draft.rows) - 1)
    if found := _COMMAND.fullmatch(do):
        del draft.rows[int(found[1]) : int(found[1]) + 1]
        return await _form(conn, session, subjects, draft, held=held, is_edited=True)
    if do == "preview":
        return await _form(conn, session, subjects, draft, held=held, is_edited=True, is_tried=True)
    try:
        async with savepoint(conn):
            saved = await _save(conn, session.account_id, draft, subjects, held)
    except (Invalid, SegmentNameTaken) as error:
        return await _form(conn, session, subjects, draft, held=held, is_edited=True, error=error)
    return redirect(f"/segments/{saved.segment_id}?done={'saved' if held else 'created'}")


async def _save(conn: Conn, account_id: AccountId, draft: Draft, subjects: Subjects, held: Segment | None) -> Segment:
    """Raises: Invalid, SegmentNameTaken."""
    values = {"name": draft.name.strip(), "segment_criteria": segment_rows.criteria(draft, subjects)}
    new = forms.checked(SegmentIn, values)
    if held is None:
        return await segments.create(conn, account_id, new)
    return await segments.replace(conn, account_id, held.segment_id, new)


def _add(draft: Draft, subjects: Subjects, about: str) -> None:
    """Raises: FormBroken."""
    subject = subjects.find(about)
    if subject is None or len(draft.rows) >= segment_rows.MOST_ROWS:
        raise FormBroken
    draft.rows.append(Row(about, subject.operators[0][0]))


async def _form(
    conn: Conn,
    session: Session,
    subjects: Subjects,
    draft: Draft,
    *,
    held: Segment | None = None,
    is_edited: bool = False,
    is_tried: bool = False,
    opened: int | None = None,
    error: ApiError | None = None,
    done: str = "",
) -> Html:
    """With whom the draft chooses, where that was asked for or it is what is stored."""
    wrong = await _wrong_rows(conn, session.account_id, draft, subjects) if error or is_tried else {}
    problems = _problems(error, wrong)
    wants_preview = is_tried or (held is not None and not is_edited)
    preview = None
    if wants_preview and not problems and not wrong and draft.rows:
        preview = await _preview(conn, session, segment_rows.criteria(draft, subjects))
    return Html(
        "portal/segment.html",
        status=error.status if error else 200,
        held=held,
        draft=draft,
        rows=[(row, subjects.find(row.about)) for row in draft.rows],
        subjects=subjects,
        help=HELP,
        problems=problems,
        wrong=wrong,
        preview=preview,
        is_tried=is_tried,
        is_edited=is_edited,
        opened=opened,
        done=done,
    )


async def _words(
    conn: Conn,
    session: Session,
    held: Segment,
    subjects: Subjects,
    *,
    name: str | None = None,
    error: ApiError | None = None,
    done: str = "",
) -> Html:
    return Html(
        "portal/segment_words.html",
        status=error.status if error else 200,
        held=held,
        name=held.name if name is None else name,
        clause=segment_words.clauses(held.segment_criteria, subjects),
        may_change=WRITE["privilege"] in session.privileges,
        problems=_problems(error, {}),
        preview=await _preview(conn, session, held.segment_criteria),
        done=done,
    )


async def _preview(conn: Conn, session: Session, criteria: str) -> Preview:
    """The contacts themselves only for who may read contacts."""
    found = await segment_previews.find(conn, session.account_id, criteria, most=_PREVIEWED)
    return found if "contacts:read" in session.privileges else Preview(found.count)


async def _wrong_rows(conn: Conn, account_id: AccountId, draft: Draft, subjects: Subjects) -> dict[int, str]:
    """Which conditions would be refused if they stood alone, with what to do about each."""
    wrong = {}
    for number, row in enumerate(draft.rows):
        try:
            alone = segment_rows.criteria(Draft(rows=[row]), subjects)
            await references.check(conn, account_id, documents.read(alone))
        except Invalid as error:
            wrong[number] = _advice(row, subjects, str(error.messages[0]))
    return wrong


def _advice(row: Row, subjects: Subjects, message: str) -> str:
    subject = subjects.find(row.about)
    if "1825 days" in message:
        return "At most 1825 days, which are five years."
    if subject is None:
        return "What this was about is gone. Remove the condition."
    if subject.kind == "email":
        return "The number of days must be a whole number."
    if subject.choices or subject.kind in ("lists", "tags"):
        return "Tick at least one." if not row.picked else "At most 50 can be ticked."
    return "Type what to compare with." if not row.value else "This does not fit here. " + HELP.get(subject.kind, "")


def _problems(error: ApiError | None, wrong: dict[int, str]) -> Problems:
    """What is wrong with the name, and what no single condition is to blame for."""
    if error is None:
        return Problems()
    if isinstance(error, SegmentNameTaken):
        return Problems(name="Another segment already has this name.")
    found = forms.problems(error, {"name": ""})
    if wrong:
        found.pop(OTHER, None)
    elif "group must not be empty" in found.get(OTHER, ""):
        found[OTHER] = "Add at least one condition."
    elif OTHER in found:
        found[OTHER] = found[OTHER].removeprefix("Validation failed: ")
    return found
