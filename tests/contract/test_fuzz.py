"""Garbage at every operation of the API: whatever comes, the answer is never a 5xx and always of the right envelope.

The operations come from the OpenAPI document, so a new door is fuzzed from its first day. The seed is fixed:
a failure here fails again.
"""

import random
import string
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from everpost.accounts import sessions, users
from everpost.platform import crypto
from everpost.platform.db import Db
from everpost.platform.http import App
from tests.contract import operations
from tests.support.api import Api, Reply
from tests.support.fixtures import Account, AccountApi

ROUNDS: Final = 60
PAGE_ROUNDS: Final = 8
# What pages and the authorization server read, from the address or from a form.
_FIELDS: Final = (
    "next", "login", "password", "q", "page", "view", "email_address", "reason", "List-Unsubscribe", "decision", "request", "client_id",
    "client_secret", "redirect_uri", "response_type", "scope", "state", "prompt", "response_mode", "code", "code_challenge",
    "code_challenge_method", "code_verifier", "grant_type", "refresh_token", "token", "nonce",
)  # fmt: skip
_UNKNOWN: Final = "01890000-0000-7000-8000-000000000000"
_OBJECTS: Final = {401, 403}

# Text that something between the socket and a table's column has choked on somewhere.
_NASTY: Final = (
    "", " ", "\x00", "a\x00b", "\x01", "\x7f", "\u200b", "\ufeff", "\u2028", "\ufffd", "😀" * 30, "é" * 300, "%", "%00", "%zz", "..",
    "../..", "/", "\\", "'", "\"", "';--", "{}", "${x}", "{0}", "[[FIRSTNAME]]", "<b>", "a" * 5000, "null", "true", "NaN", "inf", "-0",
    "1e999", "0x10", "1_000", "٣", "²", "-1", "0", "1", "9" * 18, "9" * 19, "9" * 25, "2147483648", "9223372036854775807",
    "-9223372036854775809", "0001-01-01T00:00:00+23:59", "0001-01-01", "9999-12-31T23:59:59-23:59", "9999-12-31", "10000-01-01",
    "2024-02-30", "2024-W01-1", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00 05:00", "1969-12-31T23:59:60Z", _UNKNOWN, _UNKNOWN.upper(),
    _UNKNOWN.replace("-", ""), "{" + _UNKNOWN + "}", f"{_UNKNOWN},{_UNKNOWN}", "a@b.example", "a@b@c", "@", "a\r\nX-Evil: 1", "all", "active", "a,b,,c",
)  # fmt: skip
_NUMBERS: Final = (
    0, -1, 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1.5, -0.0, 1e308,
)  # fmt: skip
# Bodies that are no JSON, or JSON that readers differ about.
_RAW: Final = (
    b"", b" ", b"{", b"}", b"{]", b"nul", b"null", b"true", b"7", b'""', b"[]", b"[{}]", b"{}x", b'{"a":1,}', b"{'a':1}", b'{"a":NaN}', b'{"a":1e999}',
    b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"\\u0000":1}', b'{"a":"\xff"}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x00", b"[" * 100_000,
    b'{"a":' * 100_000, b'{"a":1,"a":2}', b"9" * 5000, b'{"a":' + b"9" * 5000 + b"}", b'{"a":"' + b"x" * 300_000 + b'"}',
)  # fmt: skip


class Garbage:
    """Random values beside a JSON schema: mostly of its shape, so that they get past the first check."""

    def __init__(self, seed: int, schemas: dict[str, Any], ids: dict[str, str]) -> None:
        self.random = random.Random(seed)
        self.wildness = 0.1
        self._schemas = schemas
        self.ids = ids
        self._known = [_UNKNOWN, *ids.values()]

    def text(self) -> str:
        pick = self.random.random()
        if pick < 0.55:
            return self.random.choice(_NASTY)
        if pick < 0.7:
            return self.random.choice(self._known)
        return "".join(self.random.choices(string.printable + "äß€\u0301\x00", k=self.random.randint(1, 60)))

    def anything(self, depth: int = 0) -> Any:
        options: list[Any] = [None, True, False, self.text(), self.random.choice(_NUMBERS)]
        if depth < 3:
            options += [[self.anything(depth + 1)], {self.text(): self.anything(depth + 1)}, [], {}]
        return self.random.choice(options)

    def like(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value of the schema's shape, with something wrong here and there."""
        if "$ref" in schema:
            return self.like(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        if self.random.random() < self.wildness or depth > 8:
            return self.anything()
        for many in ("anyOf", "oneOf"):
            if many in schema:
                return self.like(self.random.choice(schema[many]), depth)
        if "enum" in schema and self.random.random() < 0.9:
            return self.random.choice(schema["enum"])
        return self._of_type(schema, depth)

    def spoilt(self, valid: Any, other: Any) -> Any:
        """A valid body in which one member, somewhere, is garbage or taken from another body."""
        body = node = operations.filled(valid, self.ids)
        while True:
            key = self.random.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if isinstance(node[key], dict | list) and node[key] and self.random.random() < 0.8:
                node = node[key]
                continue
            if node is body and isinstance(other, dict) and other and self.random.random() < 0.5:
                key = self.random.choice(list(other))
                node[key] = other[key]
            else:
                node[key] = self.anything()
            return body

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        match schema.get("type"):
            case "object":
                members = schema.get("properties", {})
                chosen = {name: self.like(members[name], depth + 1) for name in members if self.random.random() < 0.75}
                if not members or self.random.random() < 0.1:
                    chosen[self.text()] = self.anything(depth + 1)
                return chosen
            case "array":
                return [
                    self.like(schema.get("items", {}), depth + 1) for _ in range(self.random.choice((0, 1, 1, 2, 3)))
                ]
            case "integer" | "number":
                return self.random.choice((*_NUMBERS, 1, 2, 3, 5))
            case "boolean":
                return self.random.random() < 0.5
            case "string" if schema.get("format") == "uuid":
                return self.random.choice(self._known)
            case "string" if schema.get("format") == "date-time":
                return self.random.choice([text for text in _NASTY if text[:1].isdigit()])
            case "string":
                return self.text()[: schema.get("maxLength", 10_000)]
            case _:
                return self.anything(depth + 1)


# They need something that is still there, or somebody who has left; garbage seldom brings that about.
_UNLIKELY = {"resubscribe_contact", "add_email", "create_resend", "create_ab_test", "create_schedule", "send_test"} | {
    name for name in operations.VALID if name.startswith(("add_tag", "remove_tag", "delete_"))
}


async def test_no_garbage_gets_an_answer_of_our_fault(
    api: AccountApi, account: Account, work: Callable[[], Awaitable[int]]
) -> None:
    document = await operations.document(api)
    ids = {"list_id": str(account.list_id), "sender": account.email, **await operations.existing(api, account.email)}
    garbage = Garbage(20_311, document["components"]["schemas"], ids)
    done: dict[str, bool] = dict.fromkeys((each["operationId"] for _, _, each in operations.of(document)), False)
    for number in range(ROUNDS):
        for method, path, operation in operations.of(document):
            if method == "DELETE" and number < ROUNDS - 3:
                continue  # what is gone answers 404 to everything after
            garbage.wildness = garbage.random.choice((0, 0.02, 0.2))
            answer = await _try(api, garbage, method, path, operation)
            done[operation["operationId"]] |= answer.status < 300
    await work()  # what got in must not break the jobs either
    # Garbage that never gets in proves nothing.
    likely = {*operations.VALID, "import_contacts_file"} - _UNLIKELY
    assert [] == sorted(name for name in likely if not done[name])


async def test_raw_bytes_as_a_body_are_no_trouble_for_any_operation(api: AccountApi) -> None:
    document = await operations.document(api)
    for method, path, operation in operations.of(document):
        if "requestBody" not in operation:
            continue
        for body in _RAW:
            content_type = {"Content-Type": next(iter(operation["requestBody"]["content"]))}
            answer = await api.request(method, _filled(path), content=body, headers=content_type)
            _check(answer, f"{method} {path} {body[:40]!r}")


async def test_odd_headers_change_nothing(api: AccountApi) -> None:
    for headers in (
        {"Cookie": 'a=b; =; ;;; everpost_session="\\777\\"; $Version=1; everpost_form=\xe9; a[b]={"x"}'},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer " + "e30." * 3},
        {"Authorization": "Bearer bnVsbA.bnVsbA.bnVsbA"},
        {"Authorization": "Bearer \xe9.\xe9.\xe9"},
        {"Authorization": "Bearer " + "W1" * 5000 + ".."},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"Authorization": "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6eyJhIjoxfX0.e30.AAAA"},
        {"Authorization": "Basic Og=="},
        {"Content-Length": "²"},
        {"Content-Encoding": "\x7f"},
        {"Accept": ",;q=;;*"},
        {"Accept-Encoding": "gzip;q=0, \xff"},
        {"Host": "a b\\c"},
        {"X-Forwarded-For": "\xff", "X-Forwarded-Proto": "javascript"},
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        for path in ("/v3/contacts", "/v3/account/user/privileges", "/mailbox", "/login", "/healthz"):
            request = api.client.build_request(
                "GET", path, headers=[(b"Authorization", f"Bearer {api.token}".encode())]
            )
            if "Authorization" in headers:
                del request.headers["Authorization"]
            request = httpx.Request("GET", request.url, headers=[*request.headers.raw, *raw])
            answer = Reply(await api.client.send(request))
            assert answer.status < 500, (headers, path, answer)


async def test_no_garbage_breaks_a_page(app: App, db: Db, account: Account) -> None:
    garbage = Garbage(4_711, {}, {"account_id": str(account.account_id)})
    async with db.transaction() as conn:
        owner = await users.owner(conn, account.account_id)
        session = await sessions.open_for(conn, owner)
    client = Api(app, None).client
    for _ in range(PAGE_ROUNDS):
        for door in (each for each in app.doors if each.kind != "api"):
            path = "/".join(quote(garbage.text()) if part.startswith("{") else part for part in door.path.split("/"))
            form_cookie = quote(garbage.text())
            client.cookies = httpx.Cookies({"everpost_form": form_cookie})
            if door.method == "GET" and garbage.random.random() < 0.7:
                client.cookies.set("everpost_session", session)
            fields = {name: garbage.text() for name in _FIELDS if garbage.random.random() < 0.3}
            form = {**fields, "csrf_token": crypto.mac("form", f"{form_cookie}\0".encode())[:20].hex()}
            data = form if door.method == "POST" else None
            answer = await client.request(door.method, path, params=fields, data=data)
            assert answer.status_code < 500, (door.method, path, fields, answer.text)


async def _try(api: AccountApi, garbage: Garbage, method: str, path: str, operation: dict[str, Any]) -> Reply:
    wild = garbage.random
    query = [
        (parameter["name"], str(_plain(garbage.like(parameter["schema"]))))
        for parameter in operation["parameters"]
        if parameter["in"] == "query" and wild.random() < 0.2
    ]
    for name in (parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"):
        value = garbage.text() if wild.random() < garbage.wildness else garbage.ids.get(name, _UNKNOWN)
        path = path.replace("{" + name + "}", quote(value.encode(), safe=""))
    options: dict[str, Any] = {"params": query} if query else {}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = garbage.like(content["application/json"]["schema"])
        if operation["operationId"] in operations.VALID and wild.random() < 0.8:
            body = garbage.spoilt(operations.VALID[operation["operationId"]], body)
        options["content"] = msgspec.json.encode(body)
    elif content:
        options |= _upload(garbage)
    answer = await api.request(method, path, **options)
    _check(answer, f"{method} {path} {query} {str(options.get('content'))[:2000]}")
    return answer


def _upload(garbage: Garbage) -> dict[str, Any]:
    wild = garbage.random
    heading = ["email", "first_name", "birthday_month", garbage.text()]
    rows = [[f"{number}@example.com", *(garbage.text() for _ in heading[1:])] for number in range(3)]
    text = "\n".join(",".join(row) for row in [heading, *rows]).encode()
    name = garbage.text() or "x" if wild.random() < garbage.wildness else "a.csv"
    lists = garbage.text() if wild.random() < garbage.wildness else garbage.ids["list_id"]
    content = text if wild.random() < 0.8 else wild.randbytes(300)
    return {"files": {"file": (name, content)}, "data": {"list_ids": lists, garbage.text() or "x": garbage.text()}}


def _check(answer: Reply, what: str) -> None:
    assert answer.status < 500, (what, answer)
    if answer.status >= 400:
        body = answer.body
        assert isinstance(body, dict if answer.status in _OBJECTS else list), (what, answer)
        assert body, (what, answer)
        for element in answer.errors:
            assert {"error_key", "error_message"} == set(element), (what, answer)
    elif answer.status != 204:
        assert answer.body is not None, (what, answer)


def _filled(path: str) -> str:
    return "/".join(_UNKNOWN if part.startswith("{") else part for part in path.split("/"))


def _plain(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value
