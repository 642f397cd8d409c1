"""Automatic answers: somebody is away, so the message did arrive. Source: contract, campaigns §5.5; RFC 3834."""

import re
from email.message import Message
from typing import Final

from everpost.delivery.notices_reports import header

_ANSWERING_HEADERS: Final = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Autoreply-From")
_ANSWERING_PRECEDENCE: Final = frozenset({"auto_reply", "auto-reply"})
# How programs begin the subject of such an answer in the languages that most of them speak.
_SUBJECT: Final = re.compile(
    r"\s*(?:re:\s*)?\[?(?:"
    r"auto(?:matic|mated)?[ -]?(?:reply|response|answer|respon[ds])|auto:|out of (?:the )?office|ooo\b"
    r"|vacation (?:reply|message|notice)|(?:i am |i'm )?(?:away|currently out)\b.{0,20}\boffice"
    r"|on (?:vacation|holiday|leave)\b"
    r"|automatische antwort|abwesenheit|abwesend"
    r"|réponse automatique|absence du bureau|absent du bureau"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina|resposta autom[aá]tica|fora do escrit[oó]rio"
    r"|risposta automatica|fuori (?:sede|ufficio)"
    r"|automatisch antwoord|afwezig|autosvar|automaattinen vastaus|automatyczna odpowied|自動応答|自动回复|автоответ"
    r")",
    re.IGNORECASE,
)


def is_answer(message: Message) -> bool:
    """Whether it says that it answers a message by itself."""
    return (
        _submitted(message) == "auto-replied"
        or any(message.get(name) is not None for name in _ANSWERING_HEADERS)
        or header(message, "Precedence").lower() in _ANSWERING_PRECEDENCE
        or _SUBJECT.match(header(message, "Subject")) is not None
    )


def is_submitted(message: Message) -> bool:
    """Whether it says that no person sent it."""
    return _submitted(message) not in ("", "no")


def _submitted(message: Message) -> str:
    """The first word of Auto-Submitted; parameters and comments may follow it."""
    words = re.split(r"[\s;(]", header(message, "Auto-Submitted"), maxsplit=1)
    return words[0].lower()
