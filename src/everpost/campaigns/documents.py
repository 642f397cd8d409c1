"""Block documents: emails that are put together from blocks, and rendered to HTML whenever they are saved.

The rendered HTML is the body of a format 4 email, so sending, previews, web copies, resends and A/B tests know nothing
of blocks. The API has no shape for a document: a format 4 email that an application made has none, and gets one when
somebody begins it anew on its page. PUT ignores `html_content` for this format, so the two never drift apart.

Rules: changed in DRAFT, DONE and ERROR only; a change names the version it was made from, and is refused when somebody
else was faster. Source: contract, campaigns.md §2.5, §3.8, §4.1.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from everpost.campaigns import block_mjml, block_problems, campaign_activities, campaigns, content, states
from everpost.campaigns.block_problems import BlockProblem
from everpost.campaigns.block_shapes import Button, Document, Heading, Text
from everpost.campaigns.errors import StateForbids
from everpost.campaigns.shapes import Campaign, Name, NewActivity, Preheader, SenderAddress, SenderName, Subject
from everpost.ids import AccountId, CampaignActivityId, CampaignId
from everpost.platform import clock
from everpost.platform.db import Conn, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid


class Kept(Struct, frozen=True):
    """A document as it is stored. `version` goes into the next change."""

    document: Document
    version: int
    changed_at: datetime


class NewEmail(Struct):
    """What a campaign of blocks begins with besides its document; limits are those of the API."""

    name: Name
    from_name: SenderName
    from_email: SenderAddress
    reply_to_email: SenderAddress
    subject: Subject
    preheader: Preheader | None = None


class DocumentInvalid(Invalid):
    """The email is not complete."""

    def __init__(self, problems: list[BlockProblem]) -> None:
        self.problems = problems
        super().__init__(*(problem.sentence for problem in problems))


class DocumentChanged(Conflict):
    """Somebody else changed this email meanwhile."""


# What a new email says until its author has written something.
PROMPT: Final = "write here what you have to tell."


def starter() -> Document:
    """What a new email begins with: complete, so that it can be sent to oneself at once."""
    return Document(
        blocks=[
            Heading("What is this email about?", level=1),
            Text(f'Hello [[FirstName OR "there"]],\n\n{PROMPT} **Bold** and *italic* are fine.'),
            Button("Read more", "https://example.com"),
        ]
    )


async def create_campaign(conn: Conn, account_id: AccountId, new: NewEmail, document: Document) -> Campaign:
    """A draft of blocks: a campaign with its email, and the document that the email is made from.

    Raises: Invalid, DocumentInvalid, CampaignNameTaken.
    """
    activity = NewActivity(
        format_type=4,
        from_name=new.from_name,
        from_email=new.from_email,
        reply_to_email=new.reply_to_email,
        subject=new.subject,
        preheader=new.preheader,
        html_content=_rendered(document),
    )
    campaign = await campaigns.create_one(conn, account_id, new.name, activity)
    await _insert(conn, account_id, campaign.campaign_id, document)
    return campaign


async def of_activity(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> Kept | None:
    """None when nobody has put this email together from blocks. Raises: CampaignNotFound."""
    stored = await campaign_activities.require(conn, account_id, activity_id)
    return await _find(conn, account_id, stored.campaign_id)


async def change(
    conn: Conn,
    account_id: AccountId,
    activity_id: CampaignActivityId,
    document: Document,
    *,
    preheader: str | None,
    expected_version: int,
) -> int:
    """Save and render it; returns the new version. `expected_version` is the one that was read, 0 for the first.

    Saving twice what somebody just wrote, as by pressing twice, is no mistake: it is there already.

    Raises: DocumentInvalid, DocumentChanged, StateForbids, CampaignNotFound, Invalid.
    """
    html = _rendered(document)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    if stored.format_type != content.EDITOR:
        raise StateForbids("Campaign activity was written in HTML; it has no blocks.")
    # Whoever saves at the same moment waits here, and then finds another version than the one they read.
    await states.hold(conn, account_id, stored.campaign_id)
    same = await _version_of(conn, account_id, activity_id, document, preheader)
    if same is not None and same != expected_version:
        return same
    # A refusal leaves nothing behind, also when its caller goes on to show a page.
    async with savepoint(conn):
        await campaign_activities.rewrite(conn, account_id, stored.campaign_id, html=html, preheader=preheader)
        if not await _save(conn, account_id, stored.campaign_id, document, expected_version):
            raise DocumentChanged
    return expected_version + 1


async def copy(conn: Conn, account_id: AccountId, campaign_id: CampaignId, copied_id: CampaignId) -> None:
    """Give the copy of a campaign, whose email was copied before, the blocks of the original, if that has any."""
    kept = await _find(conn, account_id, campaign_id)
    if kept is not None:
        await _insert(conn, account_id, copied_id, kept.document)


def _rendered(document: Document) -> str:
    """Raises: DocumentInvalid."""
    if found := block_problems.of(document):
        raise DocumentInvalid(found)
    html = block_mjml.html(document)
    if too_large := content.problems(html, "The email"):
        raise DocumentInvalid([BlockProblem("", "", text) for text in too_large])
    return html


async def _version_of(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, document: Document, preheader: str | None
) -> int | None:
    """That of the stored email, if it says exactly this."""
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    kept = await _find(conn, account_id, stored.campaign_id)
    if kept is None or (kept.document, stored.preheader) != (document, preheader):
        return None
    return kept.version


async def _find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> Kept | None:
    return await one(
        conn,
        Kept,
        """
        SELECT document, version, changed_at
          FROM campaign_documents
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _save(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, document: Document, expected_version: int
) -> bool:
    """False when the stored one is of another version."""
    if expected_version == 0:
        return await _insert(conn, account_id, campaign_id, document)
    return await _update(conn, account_id, campaign_id, document, expected_version)


async def _insert(conn: Conn, account_id: AccountId, campaign_id: CampaignId, document: Document) -> bool:
    """False when there is one already."""
    inserted = await run(
        conn,
        """
        INSERT INTO campaign_documents (account_id, document_id, campaign_id, version, document, changed_at)
        SELECT account_id, document_id, campaign_id, 1, :document, :now
          FROM campaign_contents
         WHERE account_id = :account_id AND campaign_id = :campaign_id
            ON CONFLICT DO NOTHING""",
        account_id=account_id,
        campaign_id=campaign_id,
        document=document,
        now=clock.now(),
    )
    return inserted == 1


async def _update(
    conn: Conn, account_id: AccountId, campaign_id: CampaignId, document: Document, expected_version: int
) -> bool:
    updated = await run(
        conn,
        """
        UPDATE campaign_documents
           SET document = :document, version = version + 1, changed_at = :now
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND version = :expected_version""",
        account_id=account_id,
        campaign_id=campaign_id,
        document=document,
        expected_version=expected_version,
        now=clock.now(),
    )
    return updated == 1
