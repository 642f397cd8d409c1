"""`everpost token`, `everpost account`, `everpost app`, on a running instance."""

import base64
import json
from typing import Any

import pytest

from tests.support.instance import Instance


def test_a_token_has_the_scopes_that_were_asked_for(instance: Instance) -> None:
    token = instance.run("token", "--scope", "contact_data account_read").stdout.strip()
    assert claims(token)["scp"] == ["contact_data", "account_read"]
    assert instance.get("/v3/account/summary", token=token) == 200
    assert instance.get("/v3/emails", token=token) == 403


def test_a_token_is_for_the_instance_that_runs_whatever_its_port(instance: Instance) -> None:
    assert str(claims(instance.run("token").stdout)["iss"]).startswith(instance.address)


def test_an_unknown_scope_is_explained(instance: Instance) -> None:
    done = instance.run("token", "--scope", "everything")
    assert done.returncode == 2
    assert "contact_data" in done.stderr
    assert done.stdout == ""


def test_an_account_is_made_and_gets_tokens(instance: Instance) -> None:
    done = instance.run(
        "account", "create", "--email", "owner@harborlane.example", "--password", "long enough", "--organization",
        "Harbor Lane", "--country", "US", "--state", "ME",
    )  # fmt: skip
    created = json.loads(done.stdout)
    assert created["email"] == "owner@harborlane.example"
    assert created["organization_name"] == "Harbor Lane"
    listed = json.loads(instance.run("account", "list").stdout)
    assert {"account_id": created["account_id"], "email": "owner@harborlane.example"} in listed
    token = instance.run("token", "--account", "OWNER@harborlane.example").stdout.strip()
    assert instance.get("/v3/contact_lists", token=token) == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--email", "demo@everpost.example", "--password", "long enough"], "already signs in"),
        (["--email", "new@example.com", "--password", "short"], "at least 8 characters"),
        (["--email", "new@example.com", "--password", "long enough", "--country", "XX"], "country_code"),
    ],
)
def test_a_refused_account_is_explained(instance: Instance, arguments: list[str], said: str) -> None:
    done = instance.run("account", "create", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_for_nobody_is_explained(instance: Instance) -> None:
    done = instance.run("token", "--account", "nobody@example.com")
    assert done.returncode == 1
    assert "No account signs in with nobody@example.com" in done.stderr
    assert done.stdout == ""


def test_an_app_gets_a_secret_and_a_public_one_does_not(instance: Instance) -> None:
    uri = "https://app.example.com/callback"
    secret = json.loads(instance.run("app", "create", "--name", "Shop", "--redirect-uri", uri).stdout)
    public = json.loads(instance.run("app", "create", "--name", "Phone", "--redirect-uri", uri, "--public").stdout)
    assert secret["redirect_uris"] == [uri]
    assert secret["client_id"] != public["client_id"]
    assert len(secret["client_secret"]) >= 22
    assert "client_secret" not in public


def test_an_app_for_devices_has_neither_secret_nor_redirect_uri(instance: Instance) -> None:
    made = json.loads(instance.run("app", "create", "--name", "Television", "--device").stdout)
    assert (made["oauth_setting"], made["redirect_uris"]) == ("device", [])
    assert "client_secret" not in made
    refused = instance.run("app", "create", "--name", "Both", "--device", "--public")
    assert (refused.returncode, "either" in refused.stderr) == (2, True)
    assert instance.run("app", "approve", made["client_id"]).returncode == 0


def test_a_key_is_rotated_and_the_old_one_stays_published(instance: Instance) -> None:
    old = instance.run("token").stdout.strip()
    kid = instance.run("keys", "rotate").stdout.strip()
    published = json.loads(instance.run("keys", "list").stdout)
    assert (published[0]["kid"], published[0]["is_current"], published[1]["is_current"]) == (kid, True, False)
    assert "retired_at" in published[1]
    new = instance.run("token").stdout.strip()
    assert header(new)["kid"] == kid != header(old)["kid"]
    for token in (old, new):
        assert instance.get("/v3/account/summary", token=token) == 200


def test_a_refused_app_is_explained(instance: Instance) -> None:
    done = instance.run("app", "create", "--name", "Shop", "--redirect-uri", "not a uri")
    assert done.returncode == 1
    assert "redirect" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def claims(token: str) -> dict[str, Any]:
    return _part(token, 1)


def header(token: str) -> dict[str, Any]:
    return _part(token, 0)


def _part(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def test_an_operator_holds_back_what_an_account_sends(instance: Instance) -> None:
    def sending(*changes: str) -> dict[str, Any]:
        done = instance.run("account", "sending", "demo@everpost.example", *changes)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    nothing = {"is_under_review": False, "is_staging": False, "most_recipients": None}
    assert nothing == sending()
    changed = {"is_under_review": True, "is_staging": False, "most_recipients": 5000}
    assert changed == sending("is_under_review=true", "most_recipients=5000") == sending()
    for wrong in ("most_recipients=0", "most_recipients=many", "is_dead=true"):
        assert 2 == instance.run("account", "sending", "demo@everpost.example", wrong).returncode
    assert nothing == sending("is_under_review=false", "most_recipients=none")


def test_an_operator_manages_the_people_of_an_account(instance: Instance) -> None:
    """One story: each command is a process of its own, so they share a test."""

    def account(*arguments: str) -> str:
        done = instance.run("account", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def states() -> dict[str, tuple[str, str]]:
        listed = json.loads(account("people", "demo@everpost.example"))
        return {person["email"]: (person["role"], person["state"]) for person in listed}

    account("invite", "demo@everpost.example", "--email", "writer@shop.example", "--role", "campaign_creator")
    assert states()["writer@shop.example"] == ("campaign_creator", "invited")
    account("role", "writer@shop.example", "account_manager")
    account("deactivate", "writer@shop.example")
    assert states()["writer@shop.example"] == ("account_manager", "deactivated")
    account("password", "writer@shop.example", "--password", "long enough words")
    account("activate", "writer@shop.example")
    account("confirm", "writer@shop.example")
    account("reset-second-factor", "writer@shop.example")
    assert states()["writer@shop.example"] == ("account_manager", "active")
    token = instance.run("token", "--account", "writer@shop.example").stdout.strip()
    assert instance.get("/v3/contact_lists", token=token) == 200
    account("deactivate", "writer@shop.example")
    assert states()["writer@shop.example"] == ("account_manager", "deactivated")
    for arguments, said in (
        (["role", "demo@everpost.example", "campaign_creator"], "The owner of the account keeps role and access."),
        (["people", "nobody@shop.example"], "Nobody signs in with nobody@shop.example."),
        (["confirm-sender", "demo@everpost.example", "x@shop.example"], "x@shop.example is no address of this account"),
    ):
        refused = instance.run("account", *arguments)
        assert (1, True) == (refused.returncode, said in refused.stderr)


def test_an_account_can_ask_people_to_confirm(instance: Instance) -> None:
    done = instance.run("account", "confirmed-opt-in", "demo@everpost.example", "on")
    assert (0, "") == (done.returncode, done.stdout)
    assert 2 == instance.run("account", "confirmed-opt-in", "demo@everpost.example", "maybe").returncode
    unknown = instance.run("account", "confirmed-opt-in", "nobody@example.com", "off")
    assert (1, False) == (unknown.returncode, "Traceback" in unknown.stderr)
    assert 0 == instance.run("account", "confirmed-opt-in", "DEMO@everpost.example", "off").returncode
