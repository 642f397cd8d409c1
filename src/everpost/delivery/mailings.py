"""One run of a campaign activity: open it, add who gets it, then `outbox.release` it.

    await mailings.open_for(conn, account_id, NewMailing(...))          # compiles the content; LinkTooLong
    count = await recipients.add(conn, account_id, mailing_id, recipients.of_lists(list_ids))
    await outbox.release(conn, account_id, mailing_id)                  # from here on the outbox works on it

All three may stand in one transaction, or in several: opening twice and adding twice change nothing. The content is
frozen when the mailing is opened; whether a contact may still be mailed is asked again when its message leaves.

Source: contract, campaigns §5.1 and §5.2.
"""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from everpost.delivery import forwardable_contents, merge_fields, organisations, page_links, signing
from everpost.delivery.footer import Footer, PostalAddress
from everpost.delivery.message import Letterhead
from everpost.delivery.organisations import Organisation
from everpost.delivery.render import Content, Rendered, render
from everpost.delivery.tags import Vocabulary
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, MailingId, UrlId
from everpost.platform import clock, config
from everpost.platform.db import Conn, many, one, run
from everpost.tracking import links

State: TypeAlias = Literal["open", "sending", "paused", "cancelled", "finished"]


class NewMailing(Struct, frozen=True, kw_only=True):
    """What to send. `mailing_id` is chosen by the caller, so that a run that is resumed opens the same mailing."""

    mailing_id: MailingId
    campaign_activity_id: CampaignActivityId
    campaign_id: CampaignId
    from_name: str
    from_email: str
    reply_to_email: str
    content: Content
    address: PostalAddress | None = None  # in the footer; None takes the account's
    is_automatic: bool = False  # nobody pressed a button for it
    together_with: MailingId | None = None  # what stops that one stops this one as well


class Mailing(Struct, frozen=True, kw_only=True):
    """A mailing as it is stored."""

    mailing_id: MailingId
    campaign_activity_id: CampaignActivityId
    campaign_id: CampaignId
    state: State
    letterhead: Letterhead
    template: bytes
    url_ids: list[UrlId]
    recipients: int

    @property
    def rendered(self) -> Rendered:
        return _TEMPLATE.decode(self.template)


class Progress(Struct, frozen=True):
    """How many recipients are where; together they are all of them."""

    queued: int
    sending: int
    sent: int
    bounced: int
    suppressed: int
    unknown: int


class Summary(Struct, frozen=True, kw_only=True):
    """A mailing in a list."""

    mailing_id: MailingId
    campaign_activity_id: CampaignActivityId
    state: State
    recipients: int
    created_at: datetime
    finished_at: datetime | None
    pause_reason: str | None


async def open_for(conn: Conn, account_id: AccountId, new: NewMailing) -> None:
    """Compile and freeze the content, and number its links. Raises: LinkTooLong, MailTooLarge, NoKey."""
    sender = await signing.visible_sender(conn, account_id, new.from_email)
    organisation = await organisations.get(conn, account_id)
    vocabulary = Vocabulary(organisation.constants, await merge_fields.names(conn, account_id), page_links.addresses())
    may_hide_link = config.current().hidden_link
    rendered = render(new.content, vocabulary, _footer(new, organisation), is_tracked=True, may_hide_link=may_hide_link)
    await _insert(
        conn,
        account_id,
        new,
        letterhead=_letterhead(account_id, new, sender),
        template=_ENCODER.encode(rendered),
        url_ids=await _number_links(conn, account_id, new.campaign_activity_id, rendered),
        now=clock.now(),
    )
    if organisation.settings.has_forward_link:
        await forwardable_contents.keep(conn, account_id, new.campaign_activity_id, new.content)


async def copy_content(conn: Conn, account_id: AccountId, mailing_id: MailingId, *, source: MailingId) -> None:
    """Let an open mailing say what another one said."""
    await run(
        conn,
        """
        UPDATE mailings AS mailing
           SET letterhead = source.letterhead, template = source.template, url_ids = source.url_ids
          FROM mailings AS source
         WHERE mailing.account_id = :account_id AND mailing.mailing_id = :mailing_id AND mailing.state = 'open'
           AND source.account_id = :account_id AND source.mailing_id = :source""",
        account_id=account_id,
        mailing_id=mailing_id,
        source=source,
    )


async def find(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> Mailing | None:
    return await one(
        conn,
        Mailing,
        """
        SELECT mailing_id, campaign_activity_id, campaign_id, state, letterhead, template, url_ids, recipients
          FROM mailings
         WHERE account_id = :account_id AND mailing_id = :mailing_id""",
        account_id=account_id,
        mailing_id=mailing_id,
    )


async def newest(conn: Conn, account_id: AccountId, *, limit: int) -> list[Summary]:
    """The last ones that were opened, newest first."""
    return await many(
        conn,
        Summary,
        """
        SELECT mailing_id, campaign_activity_id, state, recipients, created_at, finished_at, pause_reason
          FROM mailings
         WHERE account_id = :account_id
         ORDER BY mailing_id DESC
         LIMIT :limit""",
        account_id=account_id,
        limit=limit,
    )


async def summary(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> Summary | None:
    return await one(
        conn,
        Summary,
        """
        SELECT mailing_id, campaign_activity_id, state, recipients, created_at, finished_at, pause_reason
          FROM mailings
         WHERE account_id = :account_id AND mailing_id = :mailing_id""",
        account_id=account_id,
        mailing_id=mailing_id,
    )


async def find_received(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, contact_id: ContactId
) -> Mailing | None:
    """The mailing in which this contact got this activity."""
    return await one(
        conn,
        Mailing,
        """
        SELECT mailing.mailing_id, mailing.campaign_activity_id, mailing.campaign_id, mailing.state, mailing.letterhead,
               mailing.template, mailing.url_ids, mailing.recipients
          FROM outbox
          JOIN mailings AS mailing ON mailing.account_id = outbox.account_id AND mailing.mailing_id = outbox.mailing_id
         WHERE outbox.account_id = :account_id AND outbox.campaign_activity_id = :campaign_activity_id
           AND outbox.contact_id = :contact_id AND mailing.account_id = :account_id""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        contact_id=contact_id,
    )


async def progress(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> Progress:
    """Counted now, from the outbox itself."""
    mailing = await find(conn, account_id, mailing_id)
    found = await one(
        conn,
        Progress,
        """
        SELECT count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'sending') AS sending,
               count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'bounced') AS bounced,
               count(*) FILTER (WHERE state = 'suppressed') AS suppressed,
               count(*) FILTER (WHERE state = 'unknown') AS unknown
          FROM outbox
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND mailing_id = :mailing_id""",
        account_id=account_id,
        campaign_activity_id=mailing.campaign_activity_id if mailing else None,
        mailing_id=mailing_id,
    )
    return found or Progress(0, 0, 0, 0, 0, 0)


def footer_of(organisation: Organisation, from_email: str, address: PostalAddress | None) -> Footer:
    """The footer of a mail from `from_email`; `address` wins over the account's."""
    settings = organisation.settings
    return Footer(
        from_email=from_email,
        address=address or organisation.address,
        has_profile_link=settings.has_profile_link,
        has_forward_link=settings.has_forward_link,
        privacy_policy_url=settings.privacy_policy_url,
        data_notice_url=settings.data_notice_url,
    )


def sending_domain(from_email: str) -> str:
    """The domain that Message-IDs and list ids are made in."""
    return config.current().sending_domain or from_email.rpartition("@")[2]


def _footer(new: NewMailing, organisation: Organisation) -> Footer:
    return footer_of(organisation, new.from_email, new.address)


def _letterhead(account_id: AccountId, new: NewMailing, sender: str) -> Letterhead:
    domain = sending_domain(sender)
    return Letterhead(
        from_name=new.from_name,
        from_email=sender,
        reply_to_email=new.reply_to_email,
        sending_domain=domain,
        list_id=f"{account_id}.{domain}",
        feedback_id=f"{new.campaign_activity_id}:{new.campaign_id}:{account_id}:everpost",
        campaign_activity_id=new.campaign_activity_id,
        unsubscribe_address=page_links.addresses()["unsubscribe"],
        bounce_domain=config.current().bounce_domain or "",
        is_automatic=new.is_automatic,
    )


_ENCODER = msgspec.msgpack.Encoder()
_TEMPLATE = msgspec.msgpack.Decoder(Rendered)


async def _number_links(
    conn: Conn, account_id: AccountId, campaign_activity_id: CampaignActivityId, rendered: Rendered
) -> list[UrlId]:
    numbered = await links.register(
        conn, account_id, campaign_activity_id, rendered.links, stand_for_opens=not rendered.has_pixel
    )
    url_ids = [numbered[url] for url in rendered.links]
    if rendered.has_hidden_link:
        # A person who ever comes across it gets to where the mail's first link leads.
        url_ids.append(await links.register_honeypot(conn, account_id, campaign_activity_id, rendered.links[0]))
    return url_ids


async def _insert(
    conn: Conn,
    account_id: AccountId,
    new: NewMailing,
    *,
    letterhead: Letterhead,
    template: bytes,
    url_ids: list[UrlId],
    now: datetime,
) -> None:
    inserted = await run(
        conn,
        """
        INSERT INTO mailings (account_id, mailing_id, campaign_activity_id, campaign_id, state, letterhead, template,
                              url_ids, created_at, together_with)
        VALUES (:account_id, :mailing_id, :campaign_activity_id, :campaign_id, 'open', :letterhead, :template,
                :url_ids, :now, :together_with)
            ON CONFLICT (account_id, mailing_id) DO NOTHING""",
        account_id=account_id,
        mailing_id=new.mailing_id,
        campaign_activity_id=new.campaign_activity_id,
        campaign_id=new.campaign_id,
        letterhead=letterhead,
        template=template,
        url_ids=url_ids,
        now=now,
        together_with=new.together_with,
    )
    if inserted:
        await run(
            conn,
            "INSERT INTO mailing_directory (account_id, mailing_id) VALUES (:account_id, :mailing_id)",
            account_id=account_id,
            mailing_id=new.mailing_id,
        )
