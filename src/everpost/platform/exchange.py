"""One request on its way through: what came in, and what has been learnt of it so far."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request

from everpost.ids import new_id
from everpost.platform import validation
from everpost.platform.caller import Caller, Session
from everpost.platform.doors import Door
from everpost.platform.errors import PLATFORM_AREA, Area

_FORWARDED_FOR = b"x-forwarded-for"


class Exchange:
    """The request, its door, and who sent it."""

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]]) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.is_api = self.path.startswith("/v3/") or self.path == "/v3"
        self.request_id = str(new_id())
        self.path_values: dict[str, str] = {}
        self.caller: Caller | None = None
        self.session: Session | None = None
        self.form: dict[str, str] = {}
        self.form_cookie: str | None = None
        self.upload: FormData | None = None
        self._headers: dict[str, str] | None = None
        self._query: dict[str, list[str]] | None = None
        self._door: Door | None = None
        self.area: Area = PLATFORM_AREA
        self.kind = "api"

    @property
    def door(self) -> Door | None:
        return self._door

    @door.setter
    def door(self, door: Door) -> None:
        self._door, self.area, self.kind = door, door.area, door.kind

    # Every request reads these two: without the lock that Python 3.11 takes for a cached property.
    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; of a repeated header the first counts."""
        if self._headers is None:
            pairs = reversed(self.scope["headers"])
            self._headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
        return self._headers

    @property
    def query(self) -> dict[str, list[str]]:
        if self._query is None:
            self._query = validation.parse_query(self.scope.get("query_string", b""))
        return self._query

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @cached_property
    def cookies(self) -> dict[str, str]:
        """By name; one that another program on this host has set badly does not hide the others."""
        pairs = (part.partition("=") for part in self.header("cookie").split(";"))
        return {name.strip(): value.strip().strip('"') for name, _, value in pairs}

    @cached_property
    def request(self) -> Request:
        """The framework's request, for the few doors that read raw input."""
        return Request({**self.scope, "headers": _with_one_list(self.scope["headers"])}, self.receive)

    @property
    def peer(self) -> str:
        """The address at the other end of the connection, without port."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def raw_target(self) -> str:
        """Path and query as an address, for coming back after signing in."""
        path = quote(self.path.encode("utf-8", "replace"), safe="/:@!$&'()*+,;=~-._")
        query = quote(self.scope.get("query_string", b""), safe="/:@!$&'()*+,;=~-._?%")
        return path + (f"?{query}" if query else "")


def _with_one_list(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Several X-Forwarded-For lines as one: some proxies add a line of their own after the one the client made up."""
    forwarded = [value for name, value in headers if name == _FORWARDED_FOR]
    if len(forwarded) < 2:
        return headers
    return [*(each for each in headers if each[0] != _FORWARDED_FOR), (_FORWARDED_FOR, b", ".join(forwarded))]
