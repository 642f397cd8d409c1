"""Mails that come back, as servers, mailbox providers and people write them."""

RETURNED = (
    "From: Harbor Lane Books <owner@harborlane.example>\n"
    "To: ann@example.com\n"
    "Subject: News\n"
    "Message-ID: <0190.0191@harborlane.example>\n"
)


def dsn(*, status: str = "5.1.1", diagnostic: str = "", action: str = "failed", returned: str = RETURNED) -> bytes:
    """A delivery status notification about ann@example.com."""
    said = f"Diagnostic-Code: smtp; {diagnostic}\n" if diagnostic else ""
    return (
        "Return-Path: <>\n"
        "From: MAILER-DAEMON@mx.example.com (Mail Delivery System)\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        "Auto-Submitted: auto-replied\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n'
        "\n"
        "--=_b\nContent-Type: text/plain; charset=us-ascii\n\n"
        "I'm sorry to have to inform you that your message could not be delivered.\n\n"
        "--=_b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.com\n\n"
        f"Final-Recipient: rfc822; ann@example.com\nAction: {action}\nStatus: {status}\n{said}\n"
        f"--=_b\nContent-Type: text/rfc822-headers\n\n{returned}\n"
        "--=_b--\n"
    ).encode()


def complaint(feedback_type: str = "abuse", *, mail_from: str = "", returned: str = RETURNED) -> bytes:
    """A complaint as mailbox providers send it."""
    original = f"Original-Mail-From: <{mail_from}>\n" if mail_from else ""
    return (
        "From: <feedback@provider.example>\n"
        "Subject: FW: News\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=_b"\n'
        "\n"
        "--=_b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        "--=_b\nContent-Type: message/feedback-report\n\n"
        f"Feedback-Type: {feedback_type}\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n{original}\n"
        f"--=_b\nContent-Type: message/rfc822\n\n{returned}\nHello\n\n"
        "--=_b--\n"
    ).encode()


def mail(headers: str, text: str = "Hello", sender: str = "ann@example.com") -> bytes:
    """A plain mail; `headers` end with a line break."""
    return f"From: {sender}\nTo: b-x@bounces.example\n{headers}\n{text}\n".encode()
