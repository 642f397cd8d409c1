"""Notifications of relays over HTTPS: Amazon SES through SNS, and SendGrid. Each is checked by its own signature.

Rules: a web hook without its setting does not exist. A notification is answered when what it asks for is committed; the
same one twice changes nothing, so replays need no memory. Source: contract, campaigns §5.5 to §5.7.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from everpost.delivery import inbound
from everpost.delivery.notices import Notice
from everpost.platform.db import Db
from everpost.platform.errors import Forbidden, Invalid, NotFound, TooLarge

MOST_BYTES: Final = 1024 * 1024


class NotSetUp(NotFound):
    """This web hook is not set up here."""


class BadSignature(Forbidden):
    """The signature does not fit: the notification is not the relay's, or it was altered."""


class BadNotification(Invalid):
    """The notification cannot be read."""


async def read_body(chunks: AsyncIterator[bytes]) -> bytes:
    """Raises: TooLarge."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MOST_BYTES:
            raise TooLarge
    return bytes(body)


async def apply(db: Db, notices: Sequence[Notice]) -> None:
    """Each in a transaction of its own, for they may be of different accounts."""
    for notice in notices:
        await inbound.apply(db, notice)
