"""Between the network and the doors: whose word is believed, and whose form is taken."""

from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from everpost.accounts import throttles
from everpost.ids import AccountId, SessionId, UserId
from everpost.platform import config, errors, gate
from everpost.platform.caller import Session
from everpost.platform.exchange import Exchange
from everpost.platform.pages import Html


@pytest.fixture(autouse=True)
def _settings(settings: config.Settings) -> None:
    """Form tokens are made with this test's instance key."""


async def _nothing() -> Any:
    raise AssertionError("nobody reads the body")


def _exchange(
    path: str = "/", *, method: str = "GET", query: bytes = b"", client: str = "127.0.0.1", **headers: str
) -> Exchange:
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": pairs,
        "client": (client, 1),
        "scheme": "http",
    }
    return Exchange(scope, _nothing)


def _session() -> Session:
    return Session(SessionId(uuid4()), AccountId(uuid4()), UserId(uuid4()), "a@example.com", "O", "owner", "")


def _form_of(exchange: Exchange) -> tuple[str, str]:
    """The cookie and the token that a page gives its browser."""
    rendered = gate.render_page(exchange, Html("confirm.html", title="T", text="T", action="/a", button_label="B"))
    (_, cookie), *_ = gate.form_cookie(exchange)
    token = rendered.body.decode().partition('name="csrf_token" value="')[2].partition('"')[0]
    return cookie.partition(";")[0], token


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"])
def test_only_a_bearer_token_counts(authorization: str) -> None:
    with pytest.raises(errors.Unauthorized):
        gate.bearer_token(_exchange(authorization=authorization))
    assert "abc" == gate.bearer_token(_exchange(authorization="bearer  abc "))


def test_a_form_is_taken_from_the_browser_that_was_given_it() -> None:
    cookie, token = _form_of(_exchange())
    posted = _exchange(method="POST", cookie=f"other[]=1; {cookie}")
    posted.form = {"csrf_token": token}
    gate.check_form_token(posted)


@pytest.mark.parametrize("cookie", ["", "everpost_form=", "everpost_form=made-up", "everpost_form"])
def test_a_form_from_elsewhere_is_refused(cookie: str) -> None:
    _, token = _form_of(_exchange())
    for given in (token, "", "é"):
        posted = _exchange(method="POST", cookie=cookie)
        posted.form = {"csrf_token": given}
        with pytest.raises(errors.Forbidden):
            gate.check_form_token(posted)


def test_a_form_token_from_before_signing_in_or_of_another_session_is_worth_nothing() -> None:
    cookie, before = _form_of(_exchange())
    other = _exchange(cookie=cookie)
    other.session = _session()
    rendered = gate.render_page(other, Html("confirm.html", title="T", text="T", action="/a", button_label="B"))
    theirs = rendered.body.decode().partition('name="csrf_token" value="')[2].partition('"')[0]
    posted = _exchange(method="POST", cookie=cookie)
    posted.session = _session()
    for token in (before, theirs):
        posted.form = {"csrf_token": token}
        with pytest.raises(errors.Forbidden):
            gate.check_form_token(posted)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ('a[b]={"x"}; everpost_session=t', {"a[b]": '{"x"}', "everpost_session": "t"}),
        ('everpost_session="t"', {"everpost_session": "t"}),
        ("=; ;;", {"": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("\xe9=\xe9", {"\xe9": "\xe9"}),
    ],
)
def test_a_badly_made_cookie_does_not_hide_the_others(header: str, expected: dict[str, str]) -> None:
    assert expected == _exchange(cookie=header).cookies


def test_the_way_back_after_signing_in_is_an_address_of_this_server() -> None:
    exchange = _exchange("/mail box/ä\r\n", query=b"q=%C3%A9&next=//evil\xff")
    (back,) = parse_qs(gate.next_parameter(exchange))["next"]
    assert "/mail%20box/%C3%A4%0D%0A?q=%C3%A9&next=//evil%FF" == back
    assert "next=%2F" == gate.next_parameter(_exchange("/delete", method="POST"))


@pytest.mark.parametrize(
    ("client", "headers", "scheme", "is_local"),
    [
        ("127.0.0.1", {}, "http", True),
        ("::1", {}, "http", True),
        ("192.0.2.1", {}, "http", False),
        ("", {}, "http", False),
        ("127.0.0.1", {"x_forwarded_for": "192.0.2.1"}, "http", False),
        ("192.0.2.1", {"x_forwarded_proto": "https"}, "http", False),
        ("10.0.0.1", {"x_forwarded_proto": "HTTPS"}, "https", False),
    ],
)
def test_a_proxy_is_believed_only_when_it_is_trusted(
    client: str, headers: dict[str, str], scheme: str, is_local: bool
) -> None:
    config.override(trusted_proxies="10.0.0.1")
    exchange = _exchange("/", client=client, **headers)  # type: ignore[arg-type]
    assert (scheme, is_local) == (gate.scheme(exchange), gate.is_local(exchange))


def test_the_line_that_the_proxy_added_counts_not_the_one_before_it() -> None:
    config.override(trusted_proxies="10.0.0.1")
    exchange = _exchange(client="10.0.0.1")
    exchange.scope["headers"] = [(b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-for", b"192.0.2.1")]
    assert "192.0.2.1" == throttles.address_of(exchange.peer, exchange.request.headers)


def test_a_peer_without_an_address_is_no_proxy_where_none_is_trusted() -> None:
    config.override(trusted_proxies="")
    exchange = _exchange(client="", x_forwarded_for="192.0.2.1", x_forwarded_proto="https")
    assert ("", "http") == (throttles.address_of(exchange.peer, exchange.headers), gate.scheme(exchange))
