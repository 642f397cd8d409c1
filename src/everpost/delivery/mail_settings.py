"""What an account's mails and the pages behind their links offer to recipients.

Rules: an account that settled nothing has the defaults below; lists that were deleted are shown to nobody; addresses of
pages are on the web. Read when a mail is made and when a page is opened.
Source: contract, account.md §9; campaigns.md §4.7, §7.
"""

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct, field

from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Invalid

# A link of the footer in every single mail.
LONGEST_URL: Final = 1000


class MailSettings(Struct, frozen=True, kw_only=True):
    """Everything that an account can settle about its mails."""

    has_comment_box: bool = False  # the page after unsubscribing asks for a reason
    has_forward_link: bool = False
    has_profile_link: bool = True
    privacy_policy_url: str = ""
    data_notice_url: str = ""
    visible_list_ids: list[ListId] = field(default_factory=list)


class VisibleList(Struct, frozen=True):
    """A list that recipients see and may join or leave."""

    list_id: ListId
    name: str


async def get(conn: Conn, account_id: AccountId) -> MailSettings:
    found = await one(
        conn,
        MailSettings,
        """
        SELECT has_comment_box, has_forward_link, has_profile_link, privacy_policy_url, data_notice_url,
               visible_list_ids
          FROM mail_settings
         WHERE account_id = :account_id""",
        account_id=account_id,
    )
    return found or MailSettings()


async def replace(conn: Conn, account_id: AccountId, settings: MailSettings) -> None:
    """From now on; mails that are on their way keep what they were made with. Raises: Invalid, naming all mistakes."""
    known = {each.list_id for each in await visible_lists(conn, account_id, settings)}
    unknown = [list_id for list_id in settings.visible_list_ids if list_id not in known]
    problems = [
        *_url_problems(settings),
        *(f"visible_list_ids contains an unknown list id: {each}." for each in unknown),
    ]
    if problems:
        raise Invalid(*problems)
    await _write(conn, account_id, settings)


async def visible_lists(conn: Conn, account_id: AccountId, settings: MailSettings) -> list[VisibleList]:
    """By name; empty without asking when none is marked."""
    return await _lists(conn, account_id, settings.visible_list_ids) if settings.visible_list_ids else []


def _url_problems(settings: MailSettings) -> Iterator[str]:
    urls = {"privacy_policy_url": settings.privacy_policy_url, "data_notice_url": settings.data_notice_url}
    for name, url in urls.items():
        if len(url) > LONGEST_URL:
            yield f"{name} must not be longer than {LONGEST_URL} characters."
        elif not _is_web_or_empty(url):
            yield f"{name} must be empty or start with http:// or https://."


def _is_web_or_empty(url: str) -> bool:
    if not url:
        return True
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url


async def _lists(conn: Conn, account_id: AccountId, list_ids: Sequence[ListId]) -> list[VisibleList]:
    return await many(
        conn,
        VisibleList,
        """
        SELECT list_id, name
          FROM contact_lists
         WHERE account_id = :account_id AND list_id = ANY (:list_ids::uuid[]) AND deleted_at IS NULL
         ORDER BY lower(name), list_id""",
        account_id=account_id,
        list_ids=list_ids,
    )


async def _write(conn: Conn, account_id: AccountId, settings: MailSettings) -> None:
    await run(
        conn,
        """
        INSERT INTO mail_settings (account_id, has_comment_box, has_forward_link, has_profile_link,
                                   privacy_policy_url, data_notice_url, visible_list_ids)
        VALUES (:account_id, :has_comment_box, :has_forward_link, :has_profile_link,
                :privacy_policy_url, :data_notice_url, :visible_list_ids)
            ON CONFLICT (account_id) DO UPDATE
           SET has_comment_box = excluded.has_comment_box, has_forward_link = excluded.has_forward_link,
               has_profile_link = excluded.has_profile_link, privacy_policy_url = excluded.privacy_policy_url,
               data_notice_url = excluded.data_notice_url, visible_list_ids = excluded.visible_list_ids""",
        account_id=account_id,
        has_comment_box=settings.has_comment_box,
        has_forward_link=settings.has_forward_link,
        has_profile_link=settings.has_profile_link,
        privacy_policy_url=settings.privacy_policy_url,
        data_notice_url=settings.data_notice_url,
        visible_list_ids=settings.visible_list_ids,
    )
