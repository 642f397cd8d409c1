"""RFC 8414, Authorization Server Metadata: one test for each requirement on the server."""

from urllib.parse import urlsplit

from everpost.oauth import scopes
from everpost.platform import config
from everpost.platform.http import App
from tests.oauth.conftest import DEVICE_START
from tests.support.api import Api

ADDRESS = "/.well-known/oauth-authorization-server/oauth2/default"
OTHER = "/.well-known/oauth-authorization-server/oauth2/aus1lm3ry9mF7x2Ja0h8"


async def test_rfc8414_2_what_is_there_is_named(app: App) -> None:
    found = (await Api(app, None).get(ADDRESS)).body
    base = "http://everpost.test/oauth2/default/v1"
    assert found["authorization_endpoint"] == f"{base}/authorize"
    assert found["token_endpoint"] == f"{base}/token"
    assert found["device_authorization_endpoint"] == f"http://everpost.test{DEVICE_START}"
    assert found["revocation_endpoint"] == f"{base}/revoke"
    assert found["introspection_endpoint"] == f"{base}/introspect"
    assert found["jwks_uri"] == f"{base}/keys"
    assert found["response_types_supported"] == ["code"]
    assert found["grant_types_supported"] == [
        "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
    ]  # fmt: skip
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["token_endpoint_auth_methods_supported"] == ["none", "client_secret_basic", "client_secret_post"]
    assert set(found["scopes_supported"]) <= set(scopes.MEANINGS)
    assert all(value not in (None, [], "") for value in found.values())


async def test_rfc8414_2_every_endpoint_that_is_named_answers(app: App) -> None:
    client = Api(app, None)
    found = (await client.get(ADDRESS)).body
    for name, address in found.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert (await client.get(urlsplit(address).path)).status in (200, 400, 405), name


async def test_rfc8414_3_1_the_well_known_part_stands_before_the_issuers_path(app: App) -> None:
    client = Api(app, None)
    assert (await client.get(ADDRESS)).status == 200
    for path in (
        "/.well-known/oauth-authorization-server",
        "/oauth2/default/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/oauth2/default/.well-known/openid-configuration",
    ):
        answer = await client.get(path)
        assert (answer.status, answer.content) == (404, b""), path


async def test_rfc8414_3_2_the_answer_is_json_for_everybody(app: App) -> None:
    answer = await Api(app, None).get(ADDRESS, headers={"Origin": "https://any.example"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "max-age=3600"


async def test_rfc8414_3_3_the_issuer_is_the_one_whose_address_was_asked(app: App) -> None:
    client = Api(app, None)
    assert (
        (await client.get(ADDRESS)).body["issuer"] == config.current().issuer == "http://everpost.test/oauth2/default"
    )
    assert (await client.get(OTHER)).status == 404
    config.override(token_issuer="http://everpost.test/oauth2/aus1lm3ry9mF7x2Ja0h8")
    found = (await client.get(OTHER)).body
    assert found["issuer"] == config.current().issuer
    assert found["token_endpoint"] == "http://everpost.test/oauth2/aus1lm3ry9mF7x2Ja0h8/v1/token"
    assert (await client.get(ADDRESS)).status == 404
