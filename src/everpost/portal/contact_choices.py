"""What pages about contacts offer to choose from, and the names of what a contact has."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET, Struct

from everpost.contacts import custom_fields, tags
from everpost.contacts.custom_fields import CustomField, CustomFieldsQuery
from everpost.contacts.shapes import Contact, CustomValue
from everpost.contacts.tags import TagsQuery
from everpost.ids import AccountId, ListId, TagId
from everpost.platform.db import Conn
from everpost.portal import list_names

MOST_TAGS: Final = 500  # that an account may have


class Choices(Struct, frozen=True):
    """An account's lists and tags by name."""

    lists: Mapping[ListId, str]
    tags: Mapping[TagId, str]


class Facts(Struct, frozen=True):
    """What a contact has: names of lists and tags, and the account's own fields with their values."""

    lists: Sequence[tuple[ListId, str]]
    tags: Sequence[tuple[TagId, str]]
    values: Sequence[tuple[str, str]]


async def find(conn: Conn, account_id: AccountId) -> Choices:
    page = await tags.page(conn, account_id, TagsQuery(limit=MOST_TAGS))
    found = {each.tag_id: each.name for each in sorted(page.tags, key=lambda each: each.name.casefold())}
    return Choices(await list_names.find(conn, account_id), found)


async def facts(conn: Conn, account_id: AccountId, contact: Contact) -> Facts:
    """Of a contact that was read with its lists, tags and custom fields."""
    choices = await find(conn, account_id)
    on = [] if contact.list_memberships is UNSET else contact.list_memberships
    tagged = [] if contact.taggings is UNSET else contact.taggings
    values = [] if contact.custom_fields is UNSET else contact.custom_fields
    fields = (await custom_fields.page(conn, account_id, CustomFieldsQuery(limit=100))).custom_fields if values else []
    return Facts(
        lists=[(list_id, name) for list_id, name in choices.lists.items() if list_id in on],
        tags=[(tag_id, name) for tag_id, name in choices.tags.items() if tag_id in tagged],
        values=[(field.label, _worded(field, value)) for field in fields for value in values
                if value.custom_field_id == field.custom_field_id],
    )  # fmt: skip


def _worded(field: CustomField, value: CustomValue) -> str:
    if value.choice_ids is None:
        return value.value or ""
    labels = {str(each.choice_id): each.choice_label for each in field.choices or []}
    return ", ".join(labels[each] for each in value.choice_ids if each in labels)
