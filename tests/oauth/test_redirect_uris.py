"""Which redirect URIs can be registered, and what matches them. Source: contract, auth.md §4."""

import pytest

from everpost.oauth import redirect_uris
from everpost.oauth.redirect_uris import BadRedirectUri


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost",
        "https://shop.example/callback?tenant=7",
        "https://shop.example:8443",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:9000/cb",
        "https://*.shop.example",
        "https://*.shop.co.uk",
        "https://*.harborlane.github.io",
        "https://eu-*.shop.example/cb",
        "HTTPS://Shop.Example/CB",
        "https://xn--bcher-kva.example/cb",
    ],
)
def test_these_can_be_registered(uri: str) -> None:
    assert redirect_uris.check([uri], may_be_private=False) == [uri]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "shop.example/cb",
        "/cb",
        "http://shop.example/cb",
        "https://shop.example/cb#part",
        "https://shop.example/cb#",
        "https://shop.example/c b",
        "https://shop.example/\n",
        "https://shöp.example/cb",
        "https://user@shop.example/cb",
        "https://shop.example\\@evil.example/cb",
        "https:///cb",
        "https://*.*.shop.example",
        "https://a.*.shop.example",
        "https://**.shop.example",
        "https://shop.example/*",
        "https://shop.example/?x=*",
        "https://shop.example:*/",
        "https://*.com",
        "https://*.co.uk",
        "https://*.github.io",
        "https://*.s3.amazonaws.com",
        "https://*.kobe.jp",
        "https://*.anything.ck",
        "https://*.xn--p1ai",
        "https://*",
        "https://*.localhost",
        "https://*.0.0.1",
        "http://*.localhost/",
        "https://-shop.example/cb",
        "https://shop..example/cb",
        "ftp://shop.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.example.app:/cb",
        "https://shop.example/" + "x" * 2000,
    ],
)
def test_these_cannot_be_registered(uri: str) -> None:
    with pytest.raises(BadRedirectUri):
        redirect_uris.check([uri], may_be_private=False)


def test_a_private_use_scheme_needs_a_dot_and_an_app_without_a_secret() -> None:
    for uri in ("com.example.app:/cb", "com.example.app://host/cb"):
        assert redirect_uris.check([uri], may_be_private=True) == [uri]
    for uri in ("app:/cb", "app://host/cb", "com.example.app:/*", "com.example.app:"):
        with pytest.raises(BadRedirectUri):
            redirect_uris.check([uri], may_be_private=True)


def test_an_app_has_at_most_twenty() -> None:
    uris = [f"https://shop.example/{number}" for number in range(21)]
    assert redirect_uris.check([*uris[:20], uris[0]], may_be_private=False) == uris[:20]
    with pytest.raises(BadRedirectUri):
        redirect_uris.check(uris, may_be_private=False)


@pytest.mark.parametrize(
    ("given", "registered"),
    [
        ("https://localhost", "https://localhost"),
        ("HTTPS://LocalHost", "https://localhost"),
        ("https://shop.example/cb", "HTTPS://SHOP.example/cb"),
        ("https://a.shop.example", "https://*.shop.example"),
        ("https://B-2.Shop.example", "https://*.shop.example"),
        ("https://eu-1.shop.example/cb", "https://eu-*.shop.example/cb"),
        ("Com.Example.App:/cb", "com.example.app:/cb"),
    ],
)
def test_these_match(given: str, registered: str) -> None:
    assert redirect_uris.is_registered(given, [registered])


@pytest.mark.parametrize(
    ("given", "registered"),
    [
        ("https://localhost/", "https://localhost"),
        ("https://localhost:443", "https://localhost"),
        ("http://localhost", "https://localhost"),
        ("https://localhost?", "https://localhost"),
        ("https://localhost#x", "https://localhost"),
        ("https://shop.example/CB", "https://shop.example/cb"),
        ("https://shop.example", "https://*.shop.example"),
        ("https://a.b.shop.example", "https://*.shop.example"),
        ("https://.shop.example", "https://*.shop.example"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("https://evil.example/.shop.example", "https://*.shop.example"),
        ("https://evil.example?.shop.example", "https://*.shop.example"),
        ("https://x@a.shop.example", "https://*.shop.example"),
        ("https://evil.example\\.shop.example", "https://*.shop.example"),
        ("https://eu-.shop.example/cb", "https://eu-*.shop.example/cb"),
        ("https://shopXexample/cb", "https://shop.example/cb"),
        ("com.example.app:/CB", "com.example.app:/cb"),
        ("", "https://localhost"),
    ],
)
def test_these_do_not_match(given: str, registered: str) -> None:
    assert not redirect_uris.is_registered(given, [registered])


def test_an_origin_belongs_to_an_app_when_one_of_its_uris_lies_there() -> None:
    registered = ["https://*.shop.example/cb", "com.example.app:/cb", "http://localhost:3000/x"]
    assert redirect_uris.is_registered_origin("https://a.shop.example", registered)
    assert redirect_uris.is_registered_origin("http://localhost:3000", registered)
    for origin in ("https://shop.example", "http://localhost", "https://a.shop.example/", "null", ""):
        assert not redirect_uris.is_registered_origin(origin, registered)
