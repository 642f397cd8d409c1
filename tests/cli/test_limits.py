"""`everpost app limit`, and that limits hold whichever web process a request reaches."""

import base64
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.support.forms import submit
from tests.support.instance import Instance, await_true, free_port

VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "https://app.example.com/callback"
THROTTLED = {"error_key": "throttled", "error_message": "Too Many Requests"}
EXCEEDED = {"error_key": "quota_exceeded", "error_message": "Limit Exceeded"}


class Application:
    """An app that the demo account's owner has let in, and every web process it can reach."""

    def __init__(self, instance: Instance, ports: list[int]) -> None:
        self._instance = instance
        arguments = ("--name", f"Counter {uuid4()}", "--redirect-uri", CALLBACK, "--public")
        self.client_id = json.loads(instance.run("app", "create", *arguments).stdout)["client_id"]
        token = self._token()
        self._clients = [
            httpx.Client(base_url=f"http://127.0.0.1:{port}/v3", headers={"Authorization": f"Bearer {token}"})
            for port in ports
        ]

    def limit(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._instance.run("app", "limit", self.client_id, *arguments)

    def call(self, times: int) -> list[httpx.Response]:
        """One after the other, each at the next process."""
        return [self._clients[i % len(self._clients)].get("/account/user/privileges") for i in range(times)]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _token(self) -> str:
        asked = {
            "client_id": self.client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "contact_data", "state": "s",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        with httpx.Client(base_url=self._instance.address, follow_redirects=True) as person:
            person.follow_redirects = False
            signing_in = person.get("/oauth2/default/v1/authorize", params=asked, follow_redirects=True)
            signed_in = submit(person, signing_in, login="demo@everpost.example", password="everpost-demo")
            consent = person.get(signed_in.headers["location"])
            sent_back = submit(person, consent, "Allow")
            code = parse_qs(urlsplit(sent_back.headers["location"]).query)["code"][0]
            exchange = {"grant_type": "authorization_code", "client_id": self.client_id, "redirect_uri": CALLBACK,
                        "code": code, "code_verifier": VERIFIER}  # fmt: skip
            return str(person.post("/oauth2/default/v1/token", data=exchange).json()["access_token"])


@pytest.fixture(scope="module")
def second_port(instance: Instance) -> Iterator[int]:
    """Two more web processes of the instance, on a port that they share."""
    port = free_port()
    node = instance.start_node("serve", "--port", str(port), "--processes", "2")
    await_true(lambda: instance.get("/healthz", port=port) == 200)
    yield port
    node.terminate()
    node.wait(20)


@pytest.fixture
def application(instance: Instance, second_port: int) -> Iterator[Application]:
    made = Application(instance, [instance.port, second_port, second_port])
    yield made
    made.close()


def await_start_of_a_day_or_go_on() -> None:
    """Not across midnight, where a day's count begins anew."""
    until_midnight = 86_400 - datetime.now(UTC).timestamp() % 86_400
    if until_midnight < 20:
        time.sleep(until_midnight)


def test_the_fifth_request_within_a_second_is_refused_wherever_it_lands(application: Application) -> None:
    answers = application.call(7)
    assert [200] * 4 + [429] * 3 == [answer.status_code for answer in answers], (
        "are seven requests slower than a second?"
    )
    assert [THROTTLED] * 3 == [answer.json() for answer in answers[4:]]
    assert not any("limit" in name or name == "retry-after" for answer in answers for name in answer.headers)


def test_an_application_gets_a_day_of_its_own_that_all_processes_count(application: Application) -> None:
    await_start_of_a_day_or_go_on()
    said = application.limit("--per-second", "off", "--per-day", "5").stdout
    assert "per second: no limit\nper day: 5\n" == said
    answers = application.call(7)
    assert [200] * 5 + [429] * 2 == [answer.status_code for answer in answers]
    assert [EXCEEDED] * 2 == [answer.json() for answer in answers[5:]]
    assert 0 == application.limit("--per-second", "off", "--per-day", "off").returncode
    # Each process remembers for three seconds what an application may.
    await_true(lambda: [200] * 9 == [answer.status_code for answer in application.call(9)], seconds=10)
    assert "per second: 4 (as the settings say)\nper day: 10000 (as the settings say)\n" == application.limit().stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--per-second", "many"], "neither a number"),
        (["--per-second", "1001"], "up to 1000"),
        (["--per-day", "-1"], "neither a number"),
    ],
)
def test_a_limit_that_is_none_is_explained(application: Application, arguments: list[str], said: str) -> None:
    done = application.limit(*arguments)
    assert 2 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_application_that_nobody_has_is_explained(instance: Instance) -> None:
    done = instance.run("app", "limit", str(uuid4()), "--per-day", "5")
    assert 1 == done.returncode
    assert "not found" in done.stderr
