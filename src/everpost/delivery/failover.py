"""Which relay takes mail now: the first in the order of `EVERPOST_SMTP_URL` that works.

Rules: a relay that cannot be reached, refuses the session or keeps dropping it is put aside for a minute, in this
process; then it is asked again. Where all are aside, all are asked all the same: trying costs less than waiting.
"""

import time
from collections.abc import Sequence
from typing import Final

from everpost.delivery.smtp import Connection, ConnectionFailed, Outcome
from everpost.platform import logs
from everpost.platform.relays import Relay

ASIDE_SECONDS: Final = 60.0

log = logs.get(__name__)

_aside_until: dict[Relay, float] = {}


async def connect(configured: Sequence[Relay]) -> tuple[Relay, Connection]:
    """A session with the first relay that grants one. Raises: ConnectionFailed, for the last one that was asked."""
    *others, last = in_order(configured)
    for relay in others:
        try:
            return relay, await _open(relay)
        except ConnectionFailed:
            continue
    return last, await _open(last)


def in_order(configured: Sequence[Relay]) -> list[Relay]:
    """As they are configured, but those that are aside come last."""
    now = time.monotonic()
    return sorted(configured, key=lambda relay: _aside_until.get(relay, 0.0) > now)


def put_aside(relay: Relay, outcome: Outcome | None) -> None:
    """Leave it alone for a while."""
    _aside_until[relay] = time.monotonic() + ASIDE_SECONDS
    stage, code, text = (outcome.stage.value, outcome.code, outcome.text) if outcome else ("", 0, "")
    log.warning("relay.aside", relay=relay.name, stage=stage, code=code, reason=text)


async def _open(relay: Relay) -> Connection:
    try:
        connection = await Connection.open(relay)
    except ConnectionFailed as error:
        put_aside(relay, error.outcome)
        raise
    if _aside_until.pop(relay, None) is not None:
        log.info("relay.back", relay=relay.name)
    return connection
