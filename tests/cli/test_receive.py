"""`everpost receive`: beside a running instance, and as a part of `everpost up`."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instance import Instance, await_true, free_port

MAIL = "From: ann@example.com\nSubject: Hello\n\nHello\n"


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, int]]:
    """An instance that takes mail, and the port."""
    port = free_port()
    environment = {"EVERPOST_INBOUND_SMTP": f"127.0.0.1:{port}", "EVERPOST_BOUNCE_DOMAIN": "bounces.example"}
    instance = Instance(tmp_path_factory.mktemp("receiving") / "data", environment=environment)
    instance.start()
    yield instance, port
    instance.stop()


def test_a_whole_instance_takes_mail_for_the_bounce_domain(receiving: tuple[Instance, int]) -> None:
    instance, port = receiving
    await_true(lambda: "ok    Bounces: mail is taken on" in instance.run("doctor").stdout)
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        assert {} == client.sendmail("", ["fbl@bounces.example"], MAIL)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("", ["info@bounces.example"], MAIL)
    assert "Traceback" not in instance.output()


def test_a_second_receiver_says_that_the_port_is_taken(receiving: tuple[Instance, int]) -> None:
    instance, port = receiving
    done = instance.run("receive")
    assert (1, True) == (done.returncode, f"Cannot listen on 127.0.0.1:{port}" in done.stderr)


def test_a_piped_mail_is_taken(receiving: tuple[Instance, int]) -> None:
    instance, _ = receiving
    assert 0 == instance.run("receive", "--pipe", "b-nothing@bounces.example").returncode
    assert 0 == instance.run("receive", "--pipe", "info@bounces.example").returncode


def test_without_a_database_a_piped_mail_is_to_be_tried_again(tmp_path: Path) -> None:
    done = Instance(tmp_path / "data").run("receive", "--pipe", "fbl@bounces.example")
    assert (75, "") == (done.returncode, done.stdout)
    assert "tried again" in done.stderr


def test_what_is_missing_is_said(instance: Instance) -> None:
    domain = {"EVERPOST_BOUNCE_DOMAIN": "bounces.example"}
    assert "hmm   Bounces: the bounce domain is set" in instance.run("doctor", environment=domain).stdout
    wrong = {**domain, "EVERPOST_INBOUND_SMTP": f"127.0.0.1:{free_port()}"}
    assert "wrong Bounces: nothing answers on" in instance.run("doctor", environment=wrong).stdout
    done = instance.run("receive", environment={"EVERPOST_INBOUND_SMTP": "25"})
    assert (1, True) == (done.returncode, "must be like 0.0.0.0:25" in done.stderr)
    assert (1, True) == ((done := instance.run("receive")).returncode, "Set EVERPOST_INBOUND_SMTP" in done.stderr)
