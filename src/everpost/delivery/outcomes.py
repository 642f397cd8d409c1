"""From what a server said to what is written about a recipient: done, bounced, or again later.

Source: contract, campaigns §5.4.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from everpost.delivery import bounces
from everpost.delivery.smtp import Outcome, Verdict
from everpost.ids import ContactId
from everpost.tracking.events import BounceCode

Ending: TypeAlias = Literal["queued", "sent", "bounced", "unknown"]

_DELAY_MINUTES: Final = (5, 15, 30, 60, 120, 240, 480)
GIVE_UP_AFTER: Final = timedelta(hours=72)


class Attempt(Struct, frozen=True):
    """A recipient whose message is about to leave: the how-manieth attempt it is, and when the first one was."""

    contact_id: ContactId
    attempts: int
    first_attempt_at: datetime


class Result(Struct, frozen=True, kw_only=True):
    """What the outbox keeps of an attempt. `next_attempt_at` is set exactly while `state` is queued."""

    contact_id: ContactId
    state: Ending
    next_attempt_at: datetime | None = None
    reply_code: int = 0
    reply_text: str | None = None
    bounce_code: BounceCode | None = None

    @property
    def is_send(self) -> bool:
        """Whether it counts as sent: what may have arrived and what was refused for good do."""
        return self.state != "queued"


def result(attempt: Attempt, outcome: Outcome, now: datetime) -> Result:
    text = outcome.text.replace("\0", "")[:500]
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return Result(contact_id=attempt.contact_id, state="sent", reply_code=250)
        case Verdict.UNKNOWN:
            return Result(contact_id=attempt.contact_id, state="unknown", reply_text=text)
        case Verdict.TEMPORARY | Verdict.UNSENT:
            last_attempt_at = attempt.first_attempt_at + GIVE_UP_AFTER
            if now < last_attempt_at:
                return Result(
                    contact_id=attempt.contact_id,
                    state="queued",
                    next_attempt_at=min(now + delay(attempt.attempts), last_attempt_at),
                    reply_code=outcome.code,
                    reply_text=text,
                )
        case Verdict.PERMANENT:
            pass
    return Result(
        contact_id=attempt.contact_id,
        state="bounced",
        reply_code=outcome.code,
        reply_text=text,
        bounce_code=bounces.classify(outcome.code, text, outcome.stage),
    )


def on_hold(contact_id: ContactId) -> Result:
    """The address is on hold, so nobody was asked."""
    return Result(contact_id=contact_id, state="bounced", reply_text="The address is on hold.", bounce_code="S")


def delay(attempts: int) -> timedelta:
    """How long to wait after that many attempts."""
    return timedelta(minutes=_DELAY_MINUTES[min(attempts, len(_DELAY_MINUTES)) - 1])
