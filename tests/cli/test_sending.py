"""`everpost domain` and `everpost unhold`, on a running instance."""

from tests.support.instance import Instance


def test_a_domain_gets_keys_and_loses_them_again(instance: Instance) -> None:
    added = instance.run("domain", "add", "Harbor-Lane.example").stdout
    assert "._domainkey.harbor-lane.example" in added
    assert "TXT v=DKIM1; k=rsa; p=" in added
    assert "_dmarc.harbor-lane.example" in added
    assert added == instance.run("domain", "add", "harbor-lane.example").stdout
    assert 4 == instance.run("domain", "rotate", "harbor-lane.example").stdout.count("[ ]")
    assert 0 == instance.run("domain", "remove", "harbor-lane.example").returncode
    assert 2 == instance.run("domain", "rotate", "harbor-lane.example").returncode


def test_what_is_no_domain_is_refused(instance: Instance) -> None:
    done = instance.run("domain", "add", "not a domain")
    assert (2, True) == (done.returncode, "is not a domain" in done.stderr)


def test_an_address_that_is_not_on_hold_is_told(instance: Instance) -> None:
    assert "a@b.example was not on hold." == instance.run("unhold", "a@b.example").stdout.strip()
