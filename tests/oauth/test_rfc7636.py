"""RFC 7636, Proof Key for Code Exchange: one test for each requirement on the server. `plain` is not offered."""

from collections.abc import Awaitable, Callable

import pytest

from everpost.oauth import pkce
from tests.oauth.browser import Browser
from tests.oauth.conftest import CALLBACK, PROOF, VERIFIER, Client
from tests.support.api import Reply

Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def trade_with(owner: Browser, ask_token: Ask, public_app: Client) -> Ask:
    """Ask with a challenge, allow, and trade the code in with a verifier (None: without)."""

    async def trade(verifier: str | None, challenge: str = PROOF["code_challenge"]) -> Reply:
        proof = {"code_challenge": challenge, "code_challenge_method": "S256"}
        code = (await owner.allow(**public_app.asking(**proof)))["code"]
        shown = {} if verifier is None else {"code_verifier": verifier}
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **shown}
        return await ask_token(client_id=str(public_app.client_id), **asked)

    return trade


@pytest.mark.parametrize("verifier", ["a" * 43, "-._~" * 32, "aZ09" * 20])
async def test_rfc7636_4_1_a_verifier_has_43_to_128_unreserved_characters(trade_with: Ask, verifier: str) -> None:
    assert (await trade_with(verifier, pkce.challenge_of(verifier))).status == 200


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", "a" * 42 + " "])
async def test_rfc7636_4_1_a_malformed_verifier_is_an_invalid_request(trade_with: Ask, verifier: str) -> None:
    answer = await trade_with(verifier)
    assert answer.body == {"error": "invalid_request", "error_description": "The PKCE code verifier is malformed."}


def test_rfc7636_4_2_and_appendix_b_the_challenge_is_the_hash_of_the_verifier() -> None:
    assert pkce.challenge_of(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_rfc7636_4_4_1_a_missing_challenge_is_an_invalid_request_where_it_is_required(
    owner: Browser, public_app: Client
) -> None:
    await owner.ask(**public_app.asking())
    assert owner.received["error"] == "invalid_request"
    assert owner.received["error_description"] == "PKCE is required for this application."


@pytest.mark.parametrize("method", ["plain", "S512", "s256"])
async def test_rfc7636_4_4_1_an_unsupported_transformation_is_an_invalid_request(
    owner: Browser, public_app: Client, method: str
) -> None:
    await owner.ask(**public_app.asking(code_challenge=VERIFIER, code_challenge_method=method))
    assert owner.received["error"] == "invalid_request"


async def test_rfc7636_4_6_a_verifier_that_does_not_match_is_an_invalid_grant(trade_with: Ask) -> None:
    for verifier in ("b" * 43, VERIFIER + "x", None):
        answer = await trade_with(verifier)
        assert answer.body == {"error": "invalid_grant", "error_description": "PKCE verification failed."}
    assert (await trade_with(VERIFIER)).status == 200


async def test_rfc7636_7_2_the_challenge_itself_is_no_verifier(trade_with: Ask) -> None:
    assert (await trade_with(PROOF["code_challenge"])).body["error"] == "invalid_grant"
