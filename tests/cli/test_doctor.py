"""`everpost doctor`: what it finds, and what it says to do."""

import socket
from pathlib import Path

import pytest

from tests.support.instance import Instance, await_true


def test_a_healthy_instance_has_nothing_wrong(instance: Instance) -> None:
    await_true(lambda: instance.run("doctor").returncode == 0)
    said = instance.run("doctor").stdout
    for subject in ("Python", "Data folder", "Disk", "Port", "PostgreSQL", "Tables", "Worker", "Jobs", "Signing key"):
        assert f"ok    {subject}: " in said
    assert "→" not in said


def test_nothing_running_is_said_with_what_to_do(tmp_path: Path) -> None:
    done = Instance(tmp_path / "data").run("doctor")
    assert done.returncode == 1
    assert "wrong PostgreSQL: Nothing runs on" in done.stdout
    assert "make serve" in done.stdout


@pytest.mark.parametrize(
    ("setting", "value", "found", "remedy"),
    [
        ("HOST", "0.0.0.0", "wrong Demo account: anybody can sign in", "EVERPOST_DEMO_PASSWORD"),
        ("SMTP_URL", "smtp://127.0.0.1:1", "wrong Mail: the relay 127.0.0.1", "firewall"),
        ("SMTP_URL", "mail.example.com", "wrong Mail: the relay does not answer", "EVERPOST_SMTP_URL"),
        ("DKIM_DOMAIN", "example.com", "wrong DKIM: only a part of it is set", "EVERPOST_DKIM_KEY_FILE"),
        ("SECRET_KEY", "A" * 43 + "=", "wrong Signing key: ", "instance.key"),
        ("LOG_LEVEL", "loud", "wrong Settings: ", "everpost.toml"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    instance: Instance, setting: str, value: str, found: str, remedy: str
) -> None:
    done = instance.run("doctor", environment={f"EVERPOST_{setting}": value})
    assert done.returncode == 1, done.stdout + done.stderr
    assert found in done.stdout
    assert remedy in done.stdout


def test_another_program_on_the_port_is_noticed(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = instance.run("doctor", environment={"EVERPOST_PORT": port})
    assert "wrong Port: Cannot listen on" in done.stdout


def test_a_missing_dkim_key_is_noticed(instance: Instance, tmp_path: Path) -> None:
    settings = {
        "EVERPOST_DKIM_DOMAIN": "example.com",
        "EVERPOST_DKIM_SELECTOR": "mail",
        "EVERPOST_DKIM_KEY_FILE": str(tmp_path / "nothing.pem"),
    }
    assert "wrong DKIM: " in instance.run("doctor", environment=settings).stdout
