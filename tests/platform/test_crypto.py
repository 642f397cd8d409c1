"""Secrets: what one purpose, one instance key or one byte too many makes worthless."""

import base64

import pytest

from everpost.platform import config, crypto
from everpost.platform.config import BadSetting


@pytest.mark.parametrize("key", ["short", "not base64!", base64.b64encode(b"x" * 31).decode()])
def test_an_instance_key_of_another_size_is_refused(settings: config.Settings, key: str) -> None:
    config.override(secret_key=key)
    crypto._instance_key.cache_clear()
    try:
        with pytest.raises(BadSetting):
            crypto.derive_key("a test")
    finally:
        crypto._instance_key.cache_clear()


def test_what_was_sealed_for_one_purpose_opens_for_no_other(settings: config.Settings) -> None:
    sealed = crypto.seal("one", b"secret")
    assert b"secret" == crypto.unseal("one", sealed)
    for purpose, altered in (
        ("two", sealed),
        ("one", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("one", b""),
        ("one", sealed[:5]),
    ):
        with pytest.raises(crypto.BadSeal):
            crypto.unseal(purpose, altered)


def test_a_mac_is_its_own_data_s_only_and_not_too_short(settings: config.Settings) -> None:
    mac = crypto.mac("one", b"data")
    assert crypto.is_mac("one", b"data", mac[:16])
    assert not any(
        [
            crypto.is_mac("one", b"data", mac[:15]),
            crypto.is_mac("two", b"data", mac),
            crypto.is_mac("one", b"other", mac),
            crypto.is_mac("one", b"data", mac + b"x"),
        ]
    )


def test_what_was_signed_is_read_again_until_somebody_changes_it(settings: config.Settings) -> None:
    text = crypto.sign("one", b"names")
    assert b"names" == crypto.read_signed("one", text)
    raw = base64.urlsafe_b64decode(text)
    altered = [raw[:4], b"", b"m" + raw, raw + b"\0", b"N" + raw[1:], raw[5:]]
    for purpose, given in (
        ("two", text),
        ("one", "é"),
        ("one", text[:-1]),
        ("one", text + "!"),
        *(("one", base64.urlsafe_b64encode(each).decode()) for each in altered),
    ):
        assert crypto.read_signed(purpose, given) is None, given
