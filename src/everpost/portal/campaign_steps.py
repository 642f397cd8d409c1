"""The checklist of a campaign: what it is made of, and in words what is missing before it can be sent."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from everpost.campaigns import ab_tests, campaign_activities, click_lists, content, documents, resending, schedules
from everpost.delivery import permissions, render, signing
from everpost.delivery.open_elements import TooComplex
from everpost.delivery.render import LinkTooLong, MailTooLarge
from everpost.delivery.signing import NoKey
from everpost.ids import AccountId
from everpost.platform.db import Conn
from everpost.portal import campaign_audience, campaign_content_pages, campaign_times, campaign_words
from everpost.portal.campaign_audience import Chosen, Counted
from everpost.portal.campaign_parts import Opened
from everpost.portal.campaign_words import StepName

Mark: TypeAlias = Literal["done", "missing", "optional", "warning"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what it says now, what is missing, and where that is changed, by whoever has the privilege."""

    name: str
    title: str
    mark: Mark
    facts: list[str]
    missing: list[str]
    address: str
    label: str
    privilege: str
    is_locked_with_the_rest: bool = True  # cannot be changed while the campaign is scheduled or being handed over


class Checklist(msgspec.Struct, frozen=True):
    """All steps; without anything missing the campaign can be sent."""

    steps: list[Step]
    counted: Counted | None  # None: nobody chosen, or too many to count now
    obstacle: str  # what the operator says against it, whatever is complete; mostly nothing

    @property
    def is_complete(self) -> bool:
        return not any(step.mark == "missing" for step in self.steps)


async def find(conn: Conn, account_id: AccountId, opened: Opened, *, counts: bool) -> Checklist:
    """`counts` asks how many would get it, which takes a moment for a large audience."""
    missing = campaign_words.by_step(await schedules.problems(conn, account_id, opened.email))
    chosen = campaign_audience.stored(opened.email)
    counted = None
    if counts and not chosen.is_empty:
        counted = await campaign_audience.count(conn, account_id, opened.email.campaign_activity_id, chosen)
    steps = [
        _details(opened, missing),
        await _domain(conn, account_id, opened),
        await _content(conn, account_id, opened, missing),
        await _links(conn, account_id, opened),
        await _audience(conn, account_id, opened, missing, counted),
        await _address(conn, account_id, opened, missing),
        await _subject_test(conn, account_id, opened),
        await _resend(conn, account_id, opened),
    ]
    return Checklist(steps, counted, await _obstacle(conn, account_id, counted))


def _details(opened: Opened, missing: Mapping[StepName, list[str]]) -> Step:
    email = opened.email
    facts = [f"“{email.subject}”", f"From {email.from_name} <{email.from_email}>"]
    if email.reply_to_email != email.from_email:
        facts.append(f"Replies go to {email.reply_to_email}")
    if email.preheader:
        facts.append(f"Preheader: {email.preheader}")
    found = missing.get("details", [])
    return Step(
        name="details",
        title="Subject and sender",
        mark="missing" if found else "done",
        facts=facts,
        missing=found,
        address=f"{_place(opened)}/details",
        label="Change",
        privilege="campaign:write",
    )


async def _domain(conn: Conn, account_id: AccountId, opened: Opened) -> Step:
    """Providers believe mail that its own domain signs."""
    domain = opened.email.from_email.rpartition("@")[2]
    mark, fact, missing = await _signature(conn, account_id, opened.email.from_email, domain)
    return Step(
        name="domain",
        title="Signature",
        mark=mark,
        facts=[fact] if fact else [],
        missing=missing,
        address="/account/domains",
        label="Sending domains",
        privilege="account:read",
        is_locked_with_the_rest=False,
    )


async def _signature(conn: Conn, account_id: AccountId, from_email: str, domain: str) -> tuple[Mark, str, list[str]]:
    if await signing.is_covered(conn, account_id, from_email):
        return "done", f"Mail from {domain} is signed.", []
    try:
        visible = await signing.visible_sender(conn, account_id, from_email)
    except NoKey:
        return "missing", "", [f"{domain} is not signed, and unsigned mail is not sent here: publish its keys first."]
    if visible != from_email:
        return "done", f"{domain} is not signed, so readers see {visible} as the sender; replies still reach you.", []
    return "warning", f"Mail from {domain} is not signed: providers may take it for spam.", []


async def _content(conn: Conn, account_id: AccountId, opened: Opened, missing: Mapping[StepName, list[str]]) -> Step:
    found = missing.get("content", [])
    facts = ["Written in HTML" if content.shows_html(opened.email.format_type) else "Put together from blocks"]
    html = await campaign_activities.html_of(conn, account_id, opened.campaign.campaign_id)
    size_bytes = len(html.encode())
    may_be_clipped = size_bytes > render.CLIPPED_BYTES
    if may_be_clipped:
        facts.append(
            f"It is {size_bytes // 1024} KB large: some mail programs show only the first "
            f"{render.CLIPPED_BYTES // 1024} KB and hide the rest, the unsubscribe link included."
        )
    is_unwritten = documents.PROMPT in html
    if is_unwritten:
        facts.append("It still says what every new email says: write your own.")
    return Step(
        name="content",
        title="Content",
        mark="missing" if found else "warning" if may_be_clipped or is_unwritten else "done",
        facts=facts,
        missing=found,
        address=campaign_content_pages.editor(opened),
        label="Write it" if is_unwritten else "Edit",
        privilege="campaign:write",
    )


async def _links(conn: Conn, account_id: AccountId, opened: Opened) -> Step:
    chosen = await click_lists.find(conn, account_id, opened.campaign.campaign_id)
    facts = ["Optional: put whoever clicks a link on a list."]
    has_strays = False
    if chosen:
        names = await campaign_audience.names(conn, account_id, Chosen(list(dict.fromkeys(chosen.values()))))
        facts = [f"Whoever clicks a link that you chose is put on {', '.join(names)}."]
        # Its content is rendered for this: not while it is sent, when the page is asked for every other second.
        has_strays = opened.may_change and not chosen.keys() <= await _links_now(conn, account_id, opened)
    if has_strays:
        facts.append("The content has changed: a link that you chose a list for is not in it any more.")
    return Step(
        name="links",
        title="Clicks on links",
        mark="warning" if has_strays else "done" if chosen else "optional",
        facts=facts,
        missing=[],
        address=f"{_place(opened)}/links",
        label="Change" if chosen else "Choose lists",
        privilege="campaign:write",
    )


async def _links_now(conn: Conn, account_id: AccountId, opened: Opened) -> set[str]:
    try:
        return set(await click_lists.links(conn, account_id, opened.email))
    except (LinkTooLong, MailTooLarge, TooComplex):
        return set()  # cannot be sent; the step of the links says more


async def _audience(
    conn: Conn,
    account_id: AccountId,
    opened: Opened,
    missing: Mapping[StepName, list[str]],
    counted: Counted | None,
) -> Step:
    names = await campaign_audience.names(conn, account_id, campaign_audience.stored(opened.email))
    facts = [f"Goes to {', '.join(names)}"] if names else []
    if counted is not None:
        facts.append(f"{counted.reached:,} of {counted.audience:,} would get it now.")
    found = missing.get("audience", [])
    return Step(
        name="audience",
        title="Audience",
        mark="missing" if found else "done",
        facts=facts,
        missing=found,
        address=f"{_place(opened)}/audience",
        label="Change" if names else "Choose",
        privilege="campaign:write",
    )


async def _address(conn: Conn, account_id: AccountId, opened: Opened, missing: Mapping[StepName, list[str]]) -> Step:
    found = missing.get("address", [])
    address = await campaign_activities.footer_address(conn, account_id, opened.email)
    parts = [] if address is None else [address.organization_name, address.address_line1, address.city]
    return Step(
        name="address",
        title="Postal address",
        mark="missing" if found else "done",
        facts=[", ".join(part for part in parts if part)] if parts else [],
        missing=found,
        address="/account/address",
        label="Add it" if found else "Change",
        privilege="account:update",
        is_locked_with_the_rest=False,
    )


async def _subject_test(conn: Conn, account_id: AccountId, opened: Opened) -> Step:
    test = await ab_tests.find(conn, account_id, opened.campaign.campaign_id)
    facts = ["Optional: try two subjects on a part of the audience, and send the better one to the rest."]
    if test is not None:
        facts = [
            f"Tried against “{test.alternative_subject}”, each on {test.test_size} % of the audience.",
            f"The better one goes to the rest {test.winner_wait_hours} hours later.",
        ]
    return Step(
        name="subject-test",
        title="Subject test",
        mark="done" if test else "optional",
        facts=facts,
        missing=[],
        address=f"{_place(opened)}/subject-test",
        label="Look" if test else "Test two subjects",
        privilege="campaign:write",
    )


async def _resend(conn: Conn, account_id: AccountId, opened: Opened) -> Step:
    planned = await resending.find(conn, account_id, opened.campaign.campaign_id)
    facts = ["Optional: send it once more, with another subject, to those who did not open it."]
    if planned is not None:
        facts = [f"“{planned.subject}”, {campaign_times.delay(planned.delay_minutes)} after the send."]
    return Step(
        name="resend",
        title="Resend to non-openers",
        mark="done" if planned else "optional",
        facts=facts,
        missing=[],
        address=f"{_place(opened)}/resend",
        label="Look" if planned else "Plan a resend",
        privilege="campaign:send",
        is_locked_with_the_rest=False,
    )


async def _obstacle(conn: Conn, account_id: AccountId, counted: Counted | None) -> str:
    said = await permissions.find(conn, account_id)
    if said.is_under_review:
        return "The operator of this server reviews the account; until that is over, nothing of it is sent."
    if said.is_staging:
        return "The operator of this server holds back what this account sends, for trying things out."
    if counted and said.most_recipients is not None and counted.reached > said.most_recipients:
        return f"The operator of this server allows {said.most_recipients:,} recipients at once."
    return ""


def _place(opened: Opened) -> str:
    return f"/campaigns/{opened.campaign.campaign_id}"
