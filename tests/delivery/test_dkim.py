"""Signatures, checked by dkimpy."""

import dkim as reference
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from everpost.delivery.dkim import BadKey, Signer, relaxed_body, relaxed_header
from everpost.delivery.message import Composer
from tests.delivery.samples import LETTERHEAD, NOW, rendered, values


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def record(key: rsa.RSAPrivateKey) -> bytes:
    """What the DNS says about the key."""
    from base64 import b64encode

    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + b64encode(der)


def signed(key: rsa.RSAPrivateKey, html: str, **personal: str) -> bytes:
    signer = Signer("harborlane.example", "s1", pem(key))
    composer = Composer(LETTERHEAD, rendered(html, subject="Neues für [[FirstName]]"), [signer])
    return composer.compose(1, values(**personal), message_id="1.2", at=NOW).data


def is_valid(message: bytes, key: rsa.RSAPrivateKey) -> bool:
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record(key)

    found = reference.verify(message, dnsfunc=dns)
    assert [b"s1._domainkey.harborlane.example."] == asked
    return bool(found)


@pytest.mark.parametrize(
    ("html", "personal"),
    [
        ("<p>a</p>", {}),
        ("<p>Dear [[FirstName]],\n\n\n  .two  blanks \t tab</p>\n\n", {"firstname": "Jürgen  Ä. = ."}),
        ("<p>" + "long " * 3000 + "</p>", {"firstname": "x" * 500}),
    ],
)
def test_a_signature_verifies(key: rsa.RSAPrivateKey, html: str, personal: dict[str, str]) -> None:
    assert is_valid(signed(key, html, **personal), key)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"To: ann", b"To: bob"),
        (b"<p>", b"<q>"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=One-Clack"),
        (b"/u/Ab-_", b"/u/Xb-_"),
    ],
)
def test_a_changed_message_does_not_verify(key: rsa.RSAPrivateKey, before: bytes, after: bytes) -> None:
    message = signed(key, "<p>a</p>")
    assert before in message
    assert not is_valid(message.replace(before, after), key)


def test_the_headers_that_must_be_covered_are(key: rsa.RSAPrivateKey) -> None:
    line = signed(key, "<p>a</p>").partition(b"\r\nFrom:")[0].replace(b"\r\n", b"")
    covered = line.partition(b"h=")[2].partition(b";")[0].lower().split(b":")
    for name in [
        b"from", b"subject", b"date", b"to", b"message-id", b"reply-to", b"mime-version", b"content-type",
        b"list-unsubscribe", b"list-unsubscribe-post",
    ]:  # fmt: skip
        assert name in covered


def test_canonical_forms_are_those_of_the_standard() -> None:
    assert b"subject:a b c\r\n" == relaxed_header(b"SUBJect", b" a \t b\r\n  c ")
    assert b" C\r\nD E\r\n" == relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n")
    assert b"" == relaxed_body(b"\r\n\r\n") == relaxed_body(b"")
    assert b"a\r\n" == relaxed_body(b"a")


def test_a_body_of_ours_is_canonical_already(key: rsa.RSAPrivateKey) -> None:
    body = signed(key, "<p>  a \t b  </p>\n\n \n").partition(b"\r\n\r\n")[2]
    assert body == relaxed_body(body)


def test_another_kind_of_key_is_refused() -> None:
    with pytest.raises(BadKey):
        Signer("a.example", "s", pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(BadKey):
        Signer("a.example", "s", b"nonsense")
