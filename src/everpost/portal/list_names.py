"""The account's lists as forms offer them: by their names."""

from everpost.contacts import lists
from everpost.contacts.lists import ListsQuery
from everpost.ids import AccountId, ListId
from everpost.platform.db import Conn


async def find(conn: Conn, account_id: AccountId) -> dict[ListId, str]:
    """Those that are not deleted, sorted by name."""
    page = await lists.page(conn, account_id, ListsQuery(limit=lists.MAXIMUM))
    return {each.list_id: each.name for each in sorted(page.lists, key=lambda each: each.name.casefold())}
