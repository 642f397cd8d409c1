"""Tokens carry their ids, work at one door only, and break when a single character of them changes."""

import string
from uuid import UUID

import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId
from everpost.tracking.tokens import Kind, Recipient, Reference, Signer

ACCOUNT = AccountId(UUID("018f3a51-0000-7000-8000-000000000001"))
ACTIVITY = CampaignActivityId(UUID("018f3a51-0000-7000-8000-0000000000ff"))
CONTACT = ContactId(UUID("ffffffff-ffff-4fff-bfff-fffffffffffe"))
URL_ID = UrlId(9_007_199_254_740_993)
URL_SAFE = string.ascii_letters + string.digits + "-_"

signer = Signer(b"an instance key of 32 bytes.....")


def recipient() -> Recipient:
    return signer.recipient(ACCOUNT, ACTIVITY, CONTACT)


def tokens() -> dict[Kind, str]:
    mint = recipient()
    return {
        Kind.OPEN: mint.open(),
        Kind.CLICK: mint.click(URL_ID),
        Kind.UNSUBSCRIBE: mint.unsubscribe(),
        Kind.VIEW: mint.view(),
        Kind.PROFILE: mint.profile(),
        Kind.FORWARD: mint.forward(),
    }


def test_links_that_are_minted_together_are_read_apart() -> None:
    url_ids = [URL_ID, UrlId(1), UrlId(2**63 - 1)]
    minted = recipient().clicks(url_ids)
    assert [Reference(ACCOUNT, ACTIVITY, CONTACT, each) for each in url_ids] == [
        signer.read(Kind.CLICK, token) for token in minted
    ]
    assert [recipient().click(each) for each in url_ids] == minted
    assert recipient().clicks([]) == []


@pytest.mark.parametrize("kind", Kind)
def test_a_token_reads_as_what_it_was_minted_for(kind: Kind) -> None:
    url_id = URL_ID if kind is Kind.CLICK else UrlId(0)
    assert Reference(ACCOUNT, ACTIVITY, CONTACT, url_id) == signer.read(kind, tokens()[kind])


@pytest.mark.parametrize("kind", Kind)
def test_a_token_is_worthless_at_another_door(kind: Kind) -> None:
    assert [None] * 5 == [signer.read(other, tokens()[kind]) for other in Kind if other is not kind]


@pytest.mark.parametrize("kind", Kind)
def test_any_altered_character_breaks_a_token(kind: Kind) -> None:
    token = tokens()[kind]
    for position, character in enumerate(token):
        for other in (*URL_SAFE, "+", "/", "=", "!", "é", "\x00"):
            if other != character:
                assert signer.read(kind, token[:position] + other + token[position + 1 :]) is None


@pytest.mark.parametrize("kind", Kind)
def test_a_shortened_or_lengthened_token_is_refused(kind: Kind) -> None:
    token = tokens()[kind]
    for wrong in ("", token[:-1], token[:-4], token + "A", token + "AAAA", token + "=", " " + token, token + "\n"):
        assert signer.read(kind, wrong) is None


@pytest.mark.parametrize("kind", Kind)
def test_tokens_need_no_escaping_in_a_url(kind: Kind) -> None:
    assert set(tokens()[kind]) <= set(URL_SAFE)


def test_another_key_reads_nothing() -> None:
    stranger = Signer(b"another key of at least 16 bytes")
    assert [None] * 6 == [stranger.read(kind, token) for kind, token in tokens().items()]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Signer(b"short")
