"""`everpost automation` and `everpost account settings`, on a running instance."""

import json
from pathlib import Path

from tests.support.instance import Instance

OWNER = "demo@everpost.example"


def test_automations_are_made_switched_and_forgotten(instance: Instance, tmp_path: Path) -> None:
    html = tmp_path / "mail.html"
    html.write_text("<p>Dear [[FirstName]]</p>", "utf-8")
    sender = ("--html", str(html), "--from-email", OWNER, "--from-name", "Books", "--subject", "🎂 [[FirstName]]")
    made = json.loads(instance.run("automation", "create", "birthday", *sender, "--days-before", "2").stdout)
    assert ("birthday", 2, False, "🎂 [[FirstName]]") == (
        made["kind"],
        made["days_before"],
        made["is_on"],
        made["subject"],
    )
    assert 0 == instance.run("automation", "on", made["automation_id"]).returncode
    (listed,) = json.loads(instance.run("automation", "list").stdout)
    assert listed["is_on"]
    assert 0 == instance.run("automation", "delete", made["automation_id"]).returncode
    assert 0 != instance.run("automation", "off", made["automation_id"]).returncode
    refused = instance.run("automation", "create", "welcome", *sender, "--list", "No such list")
    assert (True, True) == (refused.returncode != 0, "No such list" in refused.stderr)


def test_mail_settings_are_changed_and_printed(instance: Instance) -> None:
    before = json.loads(instance.run("account", "settings", OWNER).stdout)
    assert (True, False, []) == (before["has_profile_link"], before["has_forward_link"], before["visible_list_ids"])
    changes = ("has_forward_link=true", "privacy_policy_url=https://x.example/p", "visible_lists=My Contacts")
    after = json.loads(instance.run("account", "settings", OWNER, *changes).stdout)
    assert (True, "https://x.example/p", 1) == (
        after["has_forward_link"],
        after["privacy_policy_url"],
        len(after["visible_list_ids"]),
    )
    for wrong in ("no_such=1", "has_forward_link=perhaps", "visible_lists=Nowhere", "data_notice_url=javascript:x"):
        assert 0 != instance.run("account", "settings", OWNER, wrong).returncode
    assert after == json.loads(instance.run("account", "settings", OWNER).stdout)
    back = ("has_forward_link=false", "privacy_policy_url=", "visible_lists=")
    assert before == json.loads(instance.run("account", "settings", OWNER, *back).stdout)
