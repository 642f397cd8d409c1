"""Quoted-printable that needs no dot-stuffing and no canonicalisation."""

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everpost.delivery import quoted_printable
from everpost.delivery.dkim import relaxed_body


@given(st.text())
def test_what_is_encoded_decodes_to_itself(source: str) -> None:
    expected = source.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    assert expected == quopri.decodestring(quoted_printable.encode(source)).replace(b"\r\n", b"\n")


@given(st.text(alphabet=st.sampled_from(". F=\té aX\n"), max_size=400))
def test_every_line_keeps_the_rules(source: str) -> None:
    encoded = quoted_printable.encode(source)
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))
    assert relaxed_body(encoded + b"\r\n.\r\n") == encoded + b"\r\n.\r\n"


@pytest.mark.parametrize("value", ["Ann", "a b", "a  b", " a", "a ", ".a", "From x", "é", "=", "x" * 75, "x" * 76, ""])
def test_a_value_is_encoded_like_any_text(value: str) -> None:
    assert quoted_printable.encode(value) == quoted_printable.encode_value(value)
