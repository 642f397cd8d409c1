"""What clients depend on below JSON: byte for byte, at a running server. Source: contract, clients.md; the numbers are its rows."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from tests.journeys.demo import DemoInstance

CRLF = b"\r\n"
SECONDS = 10


class Heard(NamedTuple):
    """An answer as it came over the wire."""

    status_line: str
    headers: dict[str, str]
    content: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Wire:
    """Speaks to a server in raw bytes, with a token."""

    def __init__(self, instance: DemoInstance) -> None:
        self._port = instance.port
        self.host = f"127.0.0.1:{instance.port}"
        self.authorization = f"Authorization: Bearer {instance.token()}"

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), SECONDS)

    def ask(self, request: str, *headers: str, body: bytes = b"") -> Heard:
        """One request on a connection of its own; the length of a body is told unless it is chunked."""
        lines = [request, *headers]
        if body and not any(header.startswith("Transfer-Encoding") for header in headers):
            lines.append(f"Content-Length: {len(body)}")
        with self.open() as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            return read_answer(connection)

    def json(self, request: str, body: Any, *headers: str) -> Heard:
        """A request of HTTP/1.1 with what every client sends."""
        sent = [f"Host: {self.host}", self.authorization, "Content-Type: application/json", *headers]
        return self.ask(f"{request} HTTP/1.1", *sent, body=json.dumps(body).encode())


def read_answer(connection: socket.socket) -> Heard:
    """Read to the end of the body, which has a length or ends with the connection."""
    data = b""
    while CRLF * 2 not in data:
        data += receive(connection)
    head, _, content = data.partition(CRLF * 2)
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    while len(content) < int(headers.get("content-length", 0)):
        content += receive(connection)
    return Heard(status_line, headers, content)


def receive(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    assert data, "The connection ended before the answer."
    return data


def chunked(*parts: bytes) -> bytes:
    return b"".join(f"{len(part):x}\r\n".encode() + part + CRLF for part in (*parts, b""))


@pytest.fixture(scope="module")
def instance() -> Iterator[DemoInstance]:
    running = DemoInstance(rate_per_second="0", rate_per_day="0")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def wire(instance: DemoInstance) -> Wire:
    return Wire(instance)


@pytest.fixture(scope="module")
def list_id(wire: Wire) -> str:
    found = wire.json("GET /v3/contact_lists", None).body
    return str(found["lists"][0]["list_id"])


def contact(address: str) -> dict[str, Any]:
    return {"email_address": {"address": address}, "create_source": "Account"}


# 22: the reason phrase is compared.


def test_a_conflict_is_written_out_in_the_status_line(wire: Wire) -> None:
    first, second = [wire.json("POST /v3/contacts", contact("taken@example.com")) for _ in range(2)]
    assert ("HTTP/1.1 201 Created", "HTTP/1.1 409 Conflict") == (first.status_line, second.status_line)
    assert second.body[0]["error_message"].endswith(first.body["contact_id"])


# 28: phpfui on the command line knows no host.


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "GET", "DELETE"])
@pytest.mark.parametrize("host", ["Host:", "Host: ", "Host: api.cc.email", "Host: [::1]:8080"])
def test_the_host_may_be_empty_or_foreign(wire: Wire, method: str, host: str) -> None:
    unknown = "01890000-0000-7000-8000-000000000000"
    heard = wire.ask(
        f"{method} /v3/emails/{unknown} HTTP/1.1", host, wire.authorization, "Accept: */*",
        "Content-Type: application/json", body=b'{"name": "Spring"}' if method not in ("GET", "DELETE") else b"",
    )  # fmt: skip
    assert (405 if method in ("PUT", "POST") else 404) == heard.status, heard


def test_a_contact_is_changed_with_an_empty_host(wire: Wire) -> None:
    contact_id = wire.json("POST /v3/contacts", contact("hostless@example.com")).body["contact_id"]
    body = json.dumps({"first_name": "Odile", "update_source": "Account"}).encode()
    heard = wire.ask(
        f"PUT /v3/contacts/{contact_id} HTTP/1.1", "Host: ", wire.authorization, "Accept: */*",
        "Content-Type: application/json", body=body,
    )  # fmt: skip
    assert (200, "Odile") == (heard.status, heard.body["first_name"])


# 34: how bodies arrive.


def test_a_body_may_come_in_chunks(wire: Wire) -> None:
    body = json.dumps(contact("chunked@example.com")).encode()
    heard = wire.ask(
        "POST /v3/contacts HTTP/1.1", f"Host: {wire.host}", wire.authorization, "Content-Type: application/json",
        "Transfer-Encoding: chunked", body=chunked(body[:7], body[7:]),
    )  # fmt: skip
    assert (201, "chunked@example.com") == (heard.status, heard.body["email_address"]["address"])


def test_a_client_that_asks_first_is_told_to_continue(wire: Wire) -> None:
    body = json.dumps(contact("patient@example.com")).encode()
    head = [
        "POST /v3/contacts HTTP/1.1", f"Host: {wire.host}", wire.authorization,
        "Content-Type: application/json; charset=utf-8", f"Content-Length: {len(body)}", "Expect: 100-continue", "", "",
    ]  # fmt: skip
    with wire.open() as connection:
        connection.sendall("\r\n".join(head).encode())
        assert read_answer(connection).status_line.startswith("HTTP/1.1 100")
        connection.sendall(body)
        heard = read_answer(connection)
    assert 201 == heard.status


def test_a_client_that_asks_first_may_not_wait_for_the_answer(wire: Wire) -> None:
    body = json.dumps(contact("impatient@example.com")).encode()
    with wire.open() as connection:
        head = (
            f"POST /v3/contacts HTTP/1.1\r\nHost: {wire.host}\r\n{wire.authorization}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        heard = read_answer(connection)
        if heard.status == 100:
            heard = read_answer(connection)
    assert 201 == heard.status


@pytest.mark.parametrize(
    "header",
    ["Content-Type: application/json; charset=utf-8", "content-type: application/json;charset=UTF-8", "X-A: b"],
)
def test_a_body_is_json_with_a_charset_and_without_a_type(wire: Wire, header: str) -> None:
    heard = wire.ask(
        "POST /v3/contact_lists HTTP/1.1", f"Host: {wire.host}", wire.authorization, header, body=b'{"name": " "}'
    )
    assert (400, "name is empty") == (heard.status, heard.body[0]["error_message"])


def test_a_get_may_carry_a_body_and_the_connection_goes_on(wire: Wire) -> None:  # 26
    body = b'{"limit": 1}'
    request = (
        f"GET /v3/contact_lists HTTP/1.1\r\nHost: {wire.host}\r\n{wire.authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with wire.open() as connection:
        for _ in range(3):
            connection.sendall(request)
            assert 200 == read_answer(connection).status


def test_no_trailing_slash_is_redirected(wire: Wire) -> None:
    for path in ("/v3/contact_lists/", "/v3/contact_lists"):
        assert 200 == wire.ask(f"GET {path} HTTP/1.1", f"Host: {wire.host}", wire.authorization).status


def test_letters_beyond_ascii_need_no_escape(wire: Wire) -> None:
    made = wire.json("POST /v3/contacts", contact("jürgen@müller.example")).body
    found = wire.json("GET /v3/contacts?email=jürgen@m%C3%BCller.example", None).body
    assert [made["contact_id"]] == [each["contact_id"] for each in found["contacts"]]
    refused = wire.json("GET /v3/contacts/é", None)
    assert (400, "contacts.api.not_found") == (refused.status, refused.body[0]["error_key"])


def test_a_file_may_be_uploaded_in_chunks(wire: Wire, list_id: str) -> None:
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="list_ids"\r\n\r\n{list_id}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\nContent-Type: text/csv\r\n\r\n'
        "email\r\nchunk@example.com\r\n\r\n--b--\r\n"
    ).encode()
    heard = wire.ask(
        "POST /v3/activities/contacts_file_import HTTP/1.1", f"Host: {wire.host}", wire.authorization,
        "Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked",
        body=chunked(parts[:50], parts[50:]),
    )  # fmt: skip
    assert (201, "initialized") == (heard.status, heard.body["state"]), heard
    # Until it is imported, the contacts that other tests read are not yet what they will be.
    activity = f"GET /v3/activities/{heard.body['activity_id']} HTTP/1.1"
    for _ in range(200):
        state = wire.ask(activity, f"Host: {wire.host}", wire.authorization).body["state"]
        if state == "completed":
            break
        time.sleep(0.05)
    assert "completed" == state


def test_a_large_body_is_read_whole_and_one_too_large_refused(wire: Wire) -> None:
    large = contact("large@example.com") | {"notes": [{"content": "x" * 2000}] * 100, "unknown": "y" * 5_000_000}
    assert 201 == wire.json("POST /v3/contacts", large).status
    heard = wire.ask(
        "POST /v3/contacts HTTP/1.1", f"Host: {wire.host}", wire.authorization, "Content-Type: application/json",
        f"Content-Length: {11 * 1024 * 1024}",
    )  # fmt: skip
    assert (413, "contacts.api.payload_too_large") == (heard.status, heard.body[0]["error_key"])


@pytest.mark.parametrize("accepted", ["gzip", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3", "deflate, gzip, br, zstd"])
def test_a_large_answer_is_compressed_for_who_asks_for_it(wire: Wire, accepted: str) -> None:
    for number in range(5):
        wire.json("POST /v3/contacts", contact(f"reader{number}@example.com"))
    request = "GET /v3/contacts?limit=500 HTTP/1.1"
    plain = wire.ask(request, f"Host: {wire.host}", wire.authorization)
    packed = wire.ask(request, f"Host: {wire.host}", wire.authorization, f"Accept-Encoding: {accepted}")
    assert ("gzip", None) == (packed.headers["content-encoding"], plain.headers.get("content-encoding"))
    assert plain.body == json.loads(gzip.decompress(packed.content))


# 37: WordPress speaks HTTP/1.0.


def test_wordpress_reads_and_writes_in_http_1_0(wire: Wire, list_id: str) -> None:
    headers = ["Host: api.cc.email", wire.authorization, "User-Agent: WordPress/6.7; https://site.example"]
    body = {"email_address": "jody@example.com", "list_memberships": [list_id], "street_address": {}}
    signed_up = wire.ask(
        "POST /v3/contacts/sign_up_form HTTP/1.0", *headers, "Content-Type: application/json",
        body=json.dumps(body).encode(),
    )  # fmt: skip
    listed = wire.ask("GET /v3/contact_lists?include_count=1 HTTP/1.0", *headers)
    assert (201, "created") == (signed_up.status, signed_up.body["action"])
    assert (200, 1) == (listed.status, listed.body["lists_count"])
    assert "transfer-encoding" not in listed.headers
    assert len(listed.content) == int(listed.headers["content-length"])


def test_http_1_0_may_have_no_host_at_all(wire: Wire) -> None:
    assert 200 == wire.ask("GET /v3/contact_lists HTTP/1.0", wire.authorization).status


def test_the_plugins_token_request_has_its_headers_in_a_list(wire: Wire) -> None:
    """Its headers arrive under the names 0 and 1, so a client that is unknown is refused as one without a secret."""
    form = {"client_id": "01890000-0000-4000-8000-000000000000", "grant_type": "refresh_token", "refresh_token": "x"}
    heard = wire.ask(
        "POST /oauth2/default/v1/token HTTP/1.0", f"Host: {wire.host}", "0: Authorization: Basic eDp5",
        "1: cache-control: no-cache", "Content-Type: application/x-www-form-urlencoded", body=urlencode(form).encode(),
    )  # fmt: skip
    assert (401, "invalid_client") == (heard.status, heard.body["error"])


def test_the_key_set_lies_where_published_clients_look_for_it(wire: Wire) -> None:  # 3
    heard = wire.ask("GET /oauth2/aus1lm3ry9mF7x2Ja0h8/v1/keys HTTP/1.0")
    assert (200, "RS256") == (heard.status, heard.body["keys"][0]["alg"])


# 17: what an empty answer looks like on the wire.


def test_an_answer_without_content_has_neither_body_nor_length_of_one(wire: Wire) -> None:
    contact_id = wire.json("POST /v3/contacts", contact("gone@example.com")).body["contact_id"]
    heard = wire.ask(f"DELETE /v3/contacts/{contact_id} HTTP/1.1", f"Host: {wire.host}", wire.authorization)
    assert ("HTTP/1.1 204 No Content", b"") == (heard.status_line, heard.content)
    assert "content-type" not in heard.headers


# 1: 59 bytes, by which clients notice that a token is over.


def test_an_unauthorized_request_gets_the_59_bytes(wire: Wire) -> None:
    heard = wire.ask("GET /v3/contacts HTTP/1.1", f"Host: {wire.host}")
    assert ("HTTP/1.1 401 Unauthorized", "59") == (heard.status_line, heard.headers["content-length"])
    assert b'{"error_key":"unauthorized","error_message":"Unauthorized"}' == heard.content
