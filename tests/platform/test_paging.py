"""Cursors: they survive what clients do to them, and nothing else."""

import base64
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everpost.platform import config, paging
from everpost.platform.paging import BadCursor

ACCOUNT, PATH = UUID(int=7), "/v3/boats"


@pytest.fixture(autouse=True)
def _key(settings: config.Settings) -> None:
    """Cursors are signed with this test's instance key."""


def _cursor(*position: object, **query: list[str]) -> str:
    href = paging.first(ACCOUNT, PATH, query, "cursor").links(*position).next.href
    return urlsplit(href).query.removeprefix("cursor=")


def test_a_cursor_carries_the_whole_query_and_the_position() -> None:
    text = _cursor("2031-04-05 & more", 7, status=["a,b", "c=d&e"], limit=["2"])
    cursor, values = paging.read(text, ACCOUNT, PATH, "cursor")
    assert ({"status": ["a,b", "c=d&e"], "limit": ["2"]}, ("2031-04-05 & more", "7")) == (values, cursor.position)


def test_a_cursor_survives_what_clients_do_to_it() -> None:
    text = _cursor("ÿÿÿ>>>???", limit=["2"])
    other_alphabet = text.replace("-", "+").replace("_", "/")
    for changed in (
        text.rstrip("="),
        quote(text),
        quote(quote(text)),
        other_alphabet,
        other_alphabet.replace("+", " "),
    ):
        assert ("ÿÿÿ>>>???",) == paging.read(changed, ACCOUNT, PATH, "cursor")[0].position


def test_a_cursor_is_bound_to_account_and_operation() -> None:
    text = _cursor(1)
    for account_id, path in ((uuid4(), PATH), (ACCOUNT, "/v3/sails")):
        with pytest.raises(BadCursor):
            paging.read(text, account_id, path, "cursor")


@pytest.mark.parametrize(
    "plain", [b"limit=5&s=\xc3\xa9", b"limit=5", b"&s=", b"", b"\xff&s=\xff", b"&s=00&s=00", b"\0"]
)
def test_a_made_up_cursor_is_refused(plain: bytes) -> None:
    with pytest.raises(BadCursor):
        paging.read(base64.urlsafe_b64encode(plain).decode(), ACCOUNT, PATH, "cursor")


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        paging.read(text, ACCOUNT, PATH, "cursor")


def test_an_altered_cursor_is_refused_whatever_was_altered() -> None:
    text = _cursor("abc", limit=["2"])
    signed = base64.urlsafe_b64decode(text)
    for at in range(len(signed)):
        altered = bytearray(signed)
        altered[at] ^= 1
        with pytest.raises(BadCursor):
            paging.read(base64.urlsafe_b64encode(bytes(altered)).decode(), ACCOUNT, PATH, "cursor")
