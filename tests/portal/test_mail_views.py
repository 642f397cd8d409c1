from email.message import EmailMessage
from email.policy import SMTP

from everpost.portal import mail_views


def message(*, text: str | None = "Hello\n", html: str | None = None) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Jürgen <shop@example.com>"
    mail["Subject"] = "Grüße"
    mail["X-Internal"] = "not shown"
    if text is not None:
        mail.set_content(text)
    if html is not None and text is not None:
        mail.add_alternative(html, subtype="html")
    elif html is not None:
        mail.set_content(html, subtype="html")
    return mail


def test_all_parts_of_a_mail_can_be_looked_at() -> None:
    view = mail_views.read(message(html="<p>Grüße</p>").as_bytes())
    assert view.views == ["html", "text", "source"]
    assert view.html is not None
    assert "<p>Grüße</p>" in view.html
    assert view.headers == [("From", "Jürgen <shop@example.com>"), ("Subject", "Grüße")]
    assert "multipart/alternative" in view.source


def test_only_what_is_there_is_offered() -> None:
    assert mail_views.read(message().as_bytes()).views == ["text", "source"]
    assert mail_views.read(message(text=None, html="<p>x</p>").as_bytes()).views == ["html", "source"]


def test_an_unknown_charset_leaves_the_plain_letters_readable() -> None:
    source = b"Content-Type: text/plain; charset=x-nobody-knows\r\n\r\nHello \xfc\r\n"
    text = mail_views.read(source).text
    assert text is not None
    assert text.startswith("Hello ")


def test_bytes_that_are_no_mail_still_have_a_source() -> None:
    assert mail_views.read(b"\xff\xfe").source != ""


def test_links_open_in_a_new_tab_and_the_document_keeps_its_standards_mode() -> None:
    html = '<!DOCTYPE html>\n<html lang="en"><head><title>x</title></head><body></body></html>'
    expected = (
        '<!DOCTYPE html>\n<html lang="en"><head><base target="_blank"><title>x</title></head><body></body></html>'
    )
    assert mail_views.framed(html).decode() == expected
    assert mail_views.framed("<p>x</p>") == b'<base target="_blank"><p>x</p>'
