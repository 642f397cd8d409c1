"""Mail that a person waits for: confirmations, password resets, invitations. Campaigns go another way (`delivery`).

`send` writes the mail in the caller's transaction, so it leaves exactly when the reason for it became true. A job hands
it to the relay, or to the built-in mailbox while none is configured.

Rules: at least once, always with the same Message-ID (a relay that took the mail just before we died gets it again);
unreachable relays and 4xx answers are retried with growing delay for two days; a 5xx answer to this mail ends it.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final
from uuid import UUID

import msgspec

from everpost.ids import AccountId, new_id
from everpost.platform import clock, config, logs, mailbox, relays
from everpost.platform.db import Conn, Db, one, run
from everpost.platform.jobs import job
from everpost.platform.relays import Relay, Security

log = logs.get(__name__)

_TIMEOUT_SECONDS: Final = 30
_SEVEN_BITS: Final = SMTP.clone(cte_type="7bit")  # every relay takes these, with 8BITMIME or without
_FIRST_DELAY: Final = timedelta(seconds=15)
_LONGEST_DELAY: Final = timedelta(hours=4)
_GIVE_UP_AFTER: Final = timedelta(days=2)


class NoTls(smtplib.SMTPException):
    """The relay offers no encryption where its settings or a password ask for it; the mail waits."""


class _Outgoing(msgspec.Struct, frozen=True):
    mail_id: UUID
    account_id: AccountId | None
    recipient: str
    subject: str
    content: bytes
    attempts: int
    created_at: datetime


async def send(
    conn: Conn,
    *,
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
    account_id: AccountId | None = None,
) -> None:
    """Send one mail, at least once, when and if the caller's transaction commits.

    A subject of several lines becomes one: organizations have names with line breaks, too.
    `account_id` says whose mail it is: with it, people of that account find the mail in the built-in mailbox.
    """
    mail_id = new_id()
    subject = " ".join(subject.split())
    message = _compose(to, subject, {"Message-ID": f"<{mail_id}@{_domain()}>", **(headers or {})})
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    await _insert(conn, _Outgoing(mail_id, account_id, to, subject, message.as_bytes(), 0, clock.now()))
    await submit.later(conn, mail_id=mail_id)


@job("mail.submit")
async def submit(db: Db, mail_id: UUID) -> None:
    """Hand one mail over. A second run finds nothing left to do."""
    async with db.reader() as conn:
        mail = await _find(conn, mail_id)
    if mail is None:
        return
    url = config.current().smtp_url
    if url is None:
        await _keep(db, mail)
        return
    try:
        await asyncio.to_thread(_hand_over_to_one, relays.read_all(url), config.current().mail_from, mail)
    except (relays.BadRelay, smtplib.SMTPException, OSError) as error:
        await _put_off_or_give_up(db, mail, error)
    else:
        async with db.transaction() as conn:
            await _delete(conn, mail_id)


def _compose(to: str, subject: str, headers: Mapping[str, str]) -> EmailMessage:
    """The headers. Raises: ValueError for a line break in one of them, so nobody can add headers of their own."""
    message = EmailMessage(policy=_SEVEN_BITS)
    message["From"] = Address("everpost", addr_spec=config.current().mail_from)
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = clock.now()
    # Keeps holiday notices and other robots from answering. Source: RFC 3834 §5.
    message["Auto-Submitted"] = "auto-generated"
    for name, value in headers.items():
        message[name] = value
    return message


def _domain() -> str:
    settings = config.current()
    return settings.sending_domain or settings.mail_from.rpartition("@")[2]


async def _keep(db: Db, mail: _Outgoing) -> None:
    sender = config.current().mail_from
    async with db.transaction() as conn:
        # Only the run that deletes the row appends the mail, so two runs at once leave one mail.
        if await _delete(conn, mail.mail_id):
            new = mailbox.NewMail(mail.account_id, sender, mail.recipient, mail.subject, mail.content)
            await mailbox.append(conn, [new])


def _hand_over_to_one(candidates: Sequence[Relay], sender: str, mail: _Outgoing) -> None:
    """To the first relay that takes it, unless one says that nobody should. Raises: smtplib.SMTPException, OSError."""
    for relay in candidates[:-1]:
        try:
            _hand_over(relay, sender, mail)
        except (smtplib.SMTPException, OSError) as error:
            if _is_permanent(error):
                raise
            log.warning("relay left out", relay=relay.name, error=type(error).__name__)
        else:
            return
    _hand_over(candidates[-1], sender, mail)


def _hand_over(relay: Relay, sender: str, mail: _Outgoing) -> None:
    """One SMTP session for one mail; runs in a thread. Raises: smtplib.SMTPException, OSError."""
    with _connect(relay) as client:
        client.ehlo_or_helo_if_needed()
        if relay.security in (Security.OFFERED, Security.REQUIRED):
            _start_tls(client, relay)
        if relay.user:
            if not (isinstance(client.sock, ssl.SSLSocket) or relay.is_loopback):
                raise NoTls("No password goes out unencrypted")
            client.login(relay.user, relay.password)
        options = () if mail.recipient.isascii() else ("SMTPUTF8",)
        client.sendmail(sender, [mail.recipient], mail.content, options)


def _connect(relay: Relay) -> smtplib.SMTP:
    if relay.security is Security.FROM_START:
        return smtplib.SMTP_SSL(relay.host, relay.port, relay.hello, timeout=_TIMEOUT_SECONDS, context=relay.tls())
    return smtplib.SMTP(relay.host, relay.port, relay.hello, timeout=_TIMEOUT_SECONDS)


def _start_tls(client: smtplib.SMTP, relay: Relay) -> None:
    if client.has_extn("starttls"):
        client.starttls(context=relay.tls())
    elif relay.security is Security.REQUIRED:
        raise NoTls("The relay does not offer STARTTLS")


async def _put_off_or_give_up(db: Db, mail: _Outgoing, error: Exception) -> None:
    now = clock.now()
    delay = min(_FIRST_DELAY * (1 << mail.attempts), _LONGEST_DELAY)
    code = _refusal_code(error)
    is_final = _is_permanent(error) or now + delay > mail.created_at + _GIVE_UP_AFTER
    async with db.transaction() as conn:
        if is_final:
            await _delete(conn, mail.mail_id)
        else:
            await _count_attempt(conn, mail.mail_id)
            await submit.later(conn, at=now + delay, mail_id=mail.mail_id)
    log.warning(
        "mail given up" if is_final else "mail put off",
        mail_id=str(mail.mail_id),
        attempts=mail.attempts + 1,
        error=type(error).__name__,
        smtp_code=code,
    )


def _is_permanent(error: Exception) -> bool:
    """True when this very mail was refused. A failed login is the operator's to mend, so the mail waits for that."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False
    refused = (smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)
    return isinstance(error, refused) and (_refusal_code(error) or 0) >= 500


def _refusal_code(error: Exception) -> int | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _ in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None


async def _insert(conn: Conn, mail: _Outgoing) -> None:
    await run(
        conn,
        """
        INSERT INTO outgoing_mails (mail_id, account_id, recipient, subject, content, attempts, created_at)
        VALUES (:mail_id, :account_id, :recipient, :subject, :content, :attempts, :created_at)""",
        **msgspec.structs.asdict(mail),
    )


async def _find(conn: Conn, mail_id: UUID) -> _Outgoing | None:
    return await one(
        conn,
        _Outgoing,
        """
        SELECT mail_id, account_id, recipient, subject, content, attempts, created_at
          FROM outgoing_mails
         WHERE mail_id = :mail_id""",
        mail_id=mail_id,
    )


async def _count_attempt(conn: Conn, mail_id: UUID) -> None:
    await run(conn, "UPDATE outgoing_mails SET attempts = attempts + 1 WHERE mail_id = :mail_id", mail_id=mail_id)


async def _delete(conn: Conn, mail_id: UUID) -> int:
    return await run(conn, "DELETE FROM outgoing_mails WHERE mail_id = :mail_id", mail_id=mail_id)
