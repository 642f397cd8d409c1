"""A running instance with something in it to photograph."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

EMAIL, PASSWORD = "demo@everpost.example", "a demo password"
HTML = """<!doctype html><html><head><title>New arrivals</title><style>
body { margin: 0; background: #f4f1ea; font-family: Georgia, serif; color: #2b2b2b }
.sheet { max-width: 34rem; margin: 0 auto; padding: 2rem; background: #fffdf8 }
a { color: #8a3b12 }</style></head><body><div class="sheet">
<h1>Nine new arrivals</h1><p>Hello [[FirstName OR "dear reader"]],</p>
<p>the boxes are unpacked: two atlases of tides, a cookbook for very small boats, and six novels in which it rains.</p>
<p><a href="https://harborlane.example/new">See what is on the table by the door</a></p>
<p>Yours,<br>Harbor Lane Books</p></div></body></html>"""
READERS = ["Ana Nuñez", "Bjørn Dahl", "Chloé Garçon", "Jürgen Müller", "Łukasz Nowak", "Zoë Parker"]


class Instance:
    """A running everpost, and an application's client for it."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        folder.chmod(0o755)  # PostgreSQL's own account must pass through it
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EVERPOST_")},
            "EVERPOST_DATA": str(folder / "data"),
            "EVERPOST_PORT": str(port),
            "EVERPOST_DEMO_PASSWORD": PASSWORD,
        }
        self._process = subprocess.Popen(self._command("up"), env=self._environment, stderr=subprocess.DEVNULL)
        wait_for(self._answers)
        self.api = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.run('token')}"}, timeout=30)

    def run(self, *arguments: str) -> str:
        return subprocess.check_output(self._command(*arguments), env=self._environment, text=True).strip()

    def stop(self) -> None:
        self.api.close()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "everpost", *arguments]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One request, slower than the limit of four a second."""
        time.sleep(0.3)
        answer = self.api.request(method, f"/v3{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def draft(self, name: str, *, reaches: bool) -> str:
        """The path of a new campaign, for the readers or for nobody yet."""
        content = {"format_type": 5, **sender(), "subject": "Letters in summer", "html_content": HTML}
        made = self.call("POST", "/emails", name=name, email_campaign_activities=[content])
        lists = self.call("GET", "/contact_lists")["lists"]
        list_ids = [each["list_id"] for each in lists if each["name"] == "Readers"]
        activity = f"/emails/activities/{made['campaign_activities'][0]['campaign_activity_id']}"
        if reaches:
            self.call("PUT", activity, **sender(), subject="Letters in summer", contact_list_ids=list_ids)
        return f"/campaigns/{made['campaign_id']}"


@contextlib.contextmanager
def started() -> Iterator[Instance]:
    with tempfile.TemporaryDirectory(prefix="everpost-pictures-", ignore_cleanup_errors=True) as folder:
        instance = Instance(Path(folder))
        try:
            yield instance
        finally:
            instance.stop()


def sender() -> dict[str, str]:
    """Who the campaigns are from."""
    return {"from_name": "Harbor Lane Books", "from_email": EMAIL, "reply_to_email": EMAIL}


def fill(instance: Instance) -> None:
    """A list of readers, a campaign that reached them, and a sender address that waits for its confirmation."""
    list_id = instance.call("POST", "/contact_lists", name="Readers")["list_id"]
    for name in READERS:
        first, last = name.split()
        address = {"address": f"{ascii_of(first)}.{ascii_of(last)}@reader.example", "permission_to_send": "implicit"}
        reader = {"email_address": address, "first_name": first, "last_name": last, "list_memberships": [list_id]}
        instance.call("POST", "/contacts", create_source="Account", **reader)
    subject = '[[FirstName OR "Reader"]], nine new arrivals'
    content = {"format_type": 5, **sender(), "subject": subject, "html_content": HTML}
    made = instance.call("POST", "/emails", name="Arrivals in spring", email_campaign_activities=[content])
    activity = f"/emails/activities/{made['campaign_activities'][0]['campaign_activity_id']}"
    instance.call("PUT", activity, **sender(), subject=subject, contact_list_ids=[list_id])
    instance.call("POST", f"{activity}/schedules", scheduled_date="0")
    instance.call("POST", "/account/emails", email_address="letters@harborlane.example")
    wait_for(lambda: f"{len(READERS) + 1} mails" in httpx.get(f"{instance.url}/mailbox").text)


def ascii_of(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower().translate(str.maketrans("ñøéçüłë", "noecule")))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the instance did not come that far in time")
        time.sleep(0.1)
