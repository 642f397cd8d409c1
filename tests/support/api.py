"""A client of the API that speaks to the application in this process, over the real ASGI door."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from everpost.platform.http import App

Parameters = Mapping[str, Any] | Sequence[tuple[str, str]]


class Reply:
    """What came back."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text
        self.content = response.content

    @property
    def body(self) -> Any:
        return self.response.json()

    @property
    def errors(self) -> list[dict[str, str]]:
        """The error elements, whichever of the two shapes the body has."""
        body = self.body
        return body if isinstance(body, list) else [body]

    @property
    def error_key(self) -> str:
        return self.errors[0]["error_key"]

    @property
    def error_message(self) -> str:
        return self.errors[0]["error_message"]

    def __repr__(self) -> str:
        return f"{self.status} {self.text[:600]}"


class Api:
    """Requests with one token (or none)."""

    def __init__(self, app: App, token: str | None) -> None:
        self.token = token
        self.app = app
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://everpost.test"
        )

    async def get(self, path: str, params: Parameters | None = None, **options: Any) -> Reply:
        return await self.request("GET", path, params=params, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Reply:
        return await self.request("POST", path, json=json, **options)

    async def put(self, path: str, json: Any = None, **options: Any) -> Reply:
        return await self.request("PUT", path, json=json, **options)

    async def patch(self, path: str, json: Any = None, **options: Any) -> Reply:
        return await self.request("PATCH", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> Reply:
        return await self.request("DELETE", path, **options)

    async def request(self, method: str, path: str, **options: Any) -> Reply:
        headers = dict(options.pop("headers", None) or {})
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        options = {name: value for name, value in options.items() if value is not None}
        return Reply(await self.client.request(method, path, headers=headers, **options))

    def with_token(self, token: str | None) -> "Api":
        return Api(self.app, token)
