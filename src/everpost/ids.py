"""The NewType of every id: the one vocabulary that all slices share.

Ids are UUIDs of version 7, made in the program (so that a retried write is idempotent) and ordered by time (so that
indexes grow at one end). Any RFC 4122 version is accepted on input.
"""

import os
import time
from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", UUID)
UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
AppId = NewType("AppId", UUID)
GrantId = NewType("GrantId", UUID)
ContactId = NewType("ContactId", UUID)
ListId = NewType("ListId", UUID)
TagId = NewType("TagId", UUID)
CustomFieldId = NewType("CustomFieldId", UUID)
ActivityId = NewType("ActivityId", UUID)
CampaignId = NewType("CampaignId", UUID)
CampaignActivityId = NewType("CampaignActivityId", UUID)
MailingId = NewType("MailingId", UUID)
EventId = NewType("EventId", UUID)

EmailId = NewType("EmailId", int)
UrlId = NewType("UrlId", int)
SegmentId = NewType("SegmentId", int)


def new_id() -> UUID:
    """A UUID of version 7: 48 bits of milliseconds, 74 random bits. Source: RFC 9562 §5.7."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high = (milliseconds << 16) | 0x7000 | (random >> 68)
    low = 0x8000_0000_0000_0000 | (random & 0x3FFF_FFFF_FFFF_FFFF)
    return UUID(int=(high << 64) | low)
