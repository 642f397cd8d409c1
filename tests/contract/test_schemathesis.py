"""Schemathesis against a running instance: no answer of our fault, and none that its document does not know.

What it sends follows from the document and a fixed seed, so a failure here fails again. Paths lead to things that
exist, or nothing but refusals would be looked at; only deletions are of things that nobody has.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract import operations
from tests.journeys.demo import EMAIL, DemoInstance

SEED = 20_311
UNKNOWN = "01890000-0000-7000-8000-000000000000"
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.fixture
def instance() -> Iterator[DemoInstance]:
    running = DemoInstance()
    try:
        running.start()
        yield running
    finally:
        running.stop()


def existing(instance: DemoInstance, token: str) -> dict[str, str]:
    """One of each kind of thing that paths name."""
    with httpx.Client(base_url=f"{instance.url}/v3", headers={"Authorization": f"Bearer {token}"}) as client:

        def made(path: str, **body: object) -> dict[str, str]:
            answer = client.post(path, json=body)
            assert answer.is_success, answer.text
            found: dict[str, str] = answer.json()
            return found

        new = operations.filled(operations.VALID["create_campaign"], {"sender": EMAIL})
        campaign = client.post("/emails", json=new).json()
        address = {"address": "ann@example.com", "permission_to_send": "implicit"}
        activity_id = campaign["campaign_activities"][0]["campaign_activity_id"]
        list_id = made("/contact_lists", name="Readers")["list_id"]
        rows = [{"email": "ben@example.com", "first_name": "Ben"}]
        return {
            "activity_id": made("/activities/contacts_json_import", list_ids=[list_id], import_data=rows)["activity_id"],
            "campaign_activity_id": activity_id,
            "campaign_activity_ids": activity_id,
            "campaign_id": campaign["campaign_id"],
            "campaign_ids": campaign["campaign_id"],
            "contact_id": made("/contacts", create_source="Account", email_address=address)["contact_id"],
            "custom_field_id": made("/contact_custom_fields", label="Boat", type="string")["custom_field_id"],
            "list_id": list_id,
            "tag_id": made("/contact_tags", name="Regulars")["tag_id"],
        }  # fmt: skip


def written(folder: Path, ids: dict[str, str]) -> Path:
    """Schemathesis' settings."""
    known = [f'"path.{name}" = "{value}"' for name, value in ids.items()]
    nobody = [f'"path.{name}" = "{UNKNOWN}"' for name in ids]
    path = folder / "schemathesis.toml"
    path.write_text(
        "\n".join(
            ["[parameters]", *known, "[[operations]]", 'include-method = "DELETE"', "[operations.parameters]", *nobody]
        ),
        "utf-8",
    )
    return path


def test_every_answer_is_one_that_the_document_knows(instance: DemoInstance, tmp_path: Path) -> None:
    token = instance.token()
    settings = written(tmp_path, existing(instance, token))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "--config-file", settings, "--no-color",
            "run", f"{instance.url}/v3/openapi.json", "--header", f"Authorization: Bearer {token}",
            "--phases", "examples,coverage,fuzzing", "--max-examples", "3", "--seed", str(SEED), "--checks", ",".join(CHECKS),
            "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout[-20_000:] + done.stderr
    # What is only ever refused shows nothing of its answers.
    document = httpx.get(f"{instance.url}/v3/openapi.json").json()
    # There are no landing pages, so whatever is asked about one is unknown.
    reading = {
        f"/v3{path}"
        for path, methods in document["paths"].items()
        if "get" in methods and "/landing_pages/" not in path
    }
    assert set() == {path for path in reading - succeeded(instance) if "{" not in path}
    assert len(reading & succeeded(instance)) > 0.8 * len(reading)


def succeeded(instance: DemoInstance) -> set[str]:
    """The doors that have answered a GET with what was asked for."""
    counted = httpx.get(f"{instance.url}/metrics").text
    found = re.findall(r"requests_total\{(.*)\}", counted)
    labels = [dict(re.findall(r'(\w+)="([^"]*)"', text)) for text in found]
    return {each["door"] for each in labels if each["method"] == "GET" and each["status"].startswith("2")}
