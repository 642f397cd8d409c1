"""Opens and clicks on their way to the journal, and the bytes they are packed into there.

Recipients wait for the journal, so a batch of hits travels as one value: arrays would cost the web process several
times as much for each hit. `ledger` unpacks them in the database.
"""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct
from typing import Final

import msgspec

from everpost.ids import CampaignActivityId, ContactId, UrlId
from everpost.tracking.device_types import DeviceType
from everpost.tracking.machines import Sign

# In network order: activity, contact, microseconds since 1970, link (0: an open), and where in the two lists below the
# device type and the sign stand, from 1 on (0: none).
_RECORD: Final = Struct("!16s16sqqBB")
PACKED_BYTES: Final = _RECORD.size
DEVICE_TYPES: Final[list[DeviceType]] = ["computer", "mobile", "tablet", "other"]
SIGNS: Final[list[Sign]] = ["honeypot", "proxy", "scanner"]

_DEVICE_NUMBERS: Final[dict[DeviceType | None, int]] = {name: number for number, name in enumerate(DEVICE_TYPES, 1)}
_SIGN_NUMBERS: Final[dict[Sign | None, int]] = {name: number for number, name in enumerate(SIGNS, 1)}


class Hit(msgspec.Struct, frozen=True):
    """An open, or a click when it has a `url_id`."""

    campaign_activity_id: CampaignActivityId
    contact_id: ContactId
    created_at: datetime
    device_type: DeviceType | None = None
    url_id: UrlId | None = None
    sign: Sign | None = None


def pack(hits: Sequence[Hit]) -> bytes:
    """`PACKED_BYTES` for each. Raises: struct.error, for a link's number that no link can have."""
    return b"".join(
        [
            _RECORD.pack(
                hit.campaign_activity_id.bytes,
                hit.contact_id.bytes,
                round(hit.created_at.timestamp() * 1e6),
                hit.url_id or 0,
                _DEVICE_NUMBERS.get(hit.device_type, 0),
                _SIGN_NUMBERS.get(hit.sign, 0),
            )
            for hit in hits
        ]
    )
