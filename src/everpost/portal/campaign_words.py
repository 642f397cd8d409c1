"""What the actions say about a campaign, in words for people, and which step of its checklist that concerns.

The rules are the actions' own; here each of their sentences is only worded. What nobody has worded is shown as it is.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from everpost.platform.errors import ApiError

StepName: TypeAlias = Literal["details", "content", "audience", "address", "domain", "status"]

# A pattern of what is said, the step it is about, and how people read it.
_WORDS: Final[list[tuple[str, StepName, str]]] = [
    (r"contact_list_ids or segment_ids must be set", "audience", "Choose who gets it."),
    (r"contact_list_ids contains an unknown", "audience", "A list was deleted meanwhile: choose the audience again."),
    (r"segment_ids contains an unknown", "audience", "The segment was deleted meanwhile: choose the audience again."),
    (r"contact_list_ids and segment_ids must not", "audience", "Choose lists or a segment, not both."),
    (r"A physical address", "address", "A postal address is missing. The law wants one under every campaign."),
    (r"from_email is not", "details", "The sender address is not a confirmed address of this account."),
    (r"reply_to_email is not", "details", "The address for replies is not a confirmed address of this account."),
    (r"html_content must not be larger", "content", "The content is too large: 400 kB are the most."),
    (r"html_content must not be empty", "content", "There is no content yet."),
    (r"html_content (must not contain .*)", "content", r"The content \1"),
    (r".* is SCHEDULED; delete its schedule", "status", "The campaign is scheduled by now: unschedule it first."),
    (r".* is Scheduled; delete its schedule", "status", "The campaign is scheduled by now: unschedule it first."),
    (r".* is (?:EXECUTING|Executing); ", "status", "The campaign is being handed over right now: look again shortly."),
    (r".* it has no schedule", "status", "The campaign is not scheduled any more."),
    (r".* an A/B test can only be added to a DRAFT", "status", "Subjects are tested with the first send only."),
    (r".* its A/B test can no longer be deleted", "status", "The test cannot be taken away any more."),
    (r".* a resend cannot be added now", "status", "A resend cannot be planned while the campaign is like this."),
    (r"Resend is .* can no longer be deleted", "status", "The resend went out already, or is about to."),
    (r"The A/B test waits for its winner", "status", "The subject test waits for its winner; send again after that."),
    (r"The last send is more than", "status", "The last send is more than ten days ago, too long for a resend."),
    (r"An A/B test already exists", "status", "A subject test is planned already, which rules this out."),
    (r"A resend already exists", "status", "A resend is planned already, which rules this out."),
    (r"The daily limit of (\d+) test", "status", r"\1 test mails a day are the most, for the whole account."),
]  # fmt: skip
_PATTERNS: Final[list[tuple[re.Pattern[str], StepName, str]]] = [
    (re.compile(pattern), step, words) for pattern, step, words in _WORDS
]


def worded(message: str) -> tuple[StepName, str]:
    """The step that a sentence of an action is about, and the sentence for people."""
    for pattern, step, words in _PATTERNS:
        if found := pattern.match(message):
            return step, found.expand(words)
    return "status", message


def by_step(messages: list[str]) -> Mapping[StepName, list[str]]:
    """What is missing, by the step at which it is put right."""
    found: dict[StepName, list[str]] = {}
    for message in messages:
        step, words = worded(message)
        if words not in found.setdefault(step, []):
            found[step].append(words)
    return found


def sentence(error: ApiError) -> str:
    """Everything that an action minds, for the note above a page."""
    return " ".join(dict.fromkeys(worded(message)[1] for message in error.messages))
