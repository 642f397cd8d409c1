"""A person with a browser: keeps cookies, fills in forms, follows no redirect by itself."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from selectolax.lexbor import LexborHTMLParser

from everpost.platform.http import App
from tests.support.fixtures import PASSWORD

ORIGIN = "http://everpost.test"
AUTHORIZE = "/oauth2/default/v1/authorize"


class Browser:
    """One window. `page` is the last answer."""

    def __init__(self, app: App) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        self.page = httpx.Response(200)

    @classmethod
    def beside(cls, other: "Browser", page: httpx.Response) -> "Browser":
        """Another window of the same browser, showing this page."""
        window = cls.__new__(cls)
        window.client, window.page = other.client, page
        return window

    async def open(self, url: str) -> httpx.Response:
        self.page = await self.client.get(url)
        return self.page

    async def ask(self, **parameters: str) -> httpx.Response:
        """Go where an app sends people."""
        return await self.open(f"{AUTHORIZE}?{urlencode(parameters)}")

    async def submit(self, **typed: str) -> httpx.Response:
        """Fill in the page's last form and press its button."""
        form = LexborHTMLParser(self.page.text).css("main form")[-1]
        fields = {field.attributes["name"]: field.attributes.get("value") or "" for field in form.css("input[name]")}
        action = form.attributes.get("action") or ""
        self.page = await self.client.post(action, data={**fields, **typed})  # type: ignore[arg-type]
        return self.page

    async def follow(self) -> httpx.Response:
        return await self.open(self.location)

    async def sign_in(self, login: str, password: str = PASSWORD) -> httpx.Response:
        await self.open("/login")
        return await self.submit(login=login, password=password)

    async def allow(self, **parameters: str) -> Mapping[str, str]:
        """Ask, consent if asked to, and return what the app is sent."""
        await self.ask(**parameters)
        if self.page.status_code == 200:
            await self.submit(decision="allow")
        return self.received

    async def activate(self, user_code: str, decision: str = "allow") -> httpx.Response:
        """Type the code that a device shows, and answer."""
        await self.open("/activate")
        await self.submit(user_code=user_code)
        return await self.submit(decision=decision)

    @property
    def location(self) -> str:
        return self.page.headers["location"]

    @property
    def received(self) -> dict[str, str]:
        """What the redirect's query tells the app."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}

    @property
    def fragment(self) -> dict[str, str]:
        """What the redirect's fragment tells the app."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).fragment).items()}

    @property
    def heading(self) -> str:
        node = LexborHTMLParser(self.page.text).css_first("h1")
        return node.text(strip=True) if node else ""
