"""A person's browser without scripts: keeps cookies, fills in any kind of field, presses a button by its words."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

from everpost.platform.http import App
from everpost.portal import mail_views
from tests.oauth.browser import Browser
from tests.support.api import Reply

STRONG = "seven unrelated green words"


class Window(Browser):
    """One browser of one person."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.app = app
        self.client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

    async def press(self, button: str, **typed: str) -> httpx.Response:
        """Fill in the form that has this button, and press it; redirects are followed."""
        form = self._form_of(button)
        fields = {**_values(form), **_pressed(form, button), **typed}
        action = _button_of(form, button).attributes.get("formaction") or form.attributes.get("action")
        self.page = await self.client.post(action or "", data=fields)
        while self.page.status_code == 303:
            await self.open(self.location)
        return self.page

    async def call(self, method: str, path: str, json: Any = None, *, token: str | None = None) -> Reply:
        """JSON as a script of our pages sends it; `token` is the header against forgery, else the session's own."""
        if token is None:
            token = str((await self.client.get("/portal/api/me")).json().get("csrf_token", ""))
        headers = {"X-CSRF-Token": token}
        return Reply(await self.client.request(method, path, headers=headers, json=json))

    def problem_of(self, field: str) -> str | None:
        """What the page says is wrong with a field."""
        node = self.document.css_first(f"#{field}-error")
        return None if node is None else node.text(strip=True)

    def attributes_of(self, selector: str) -> dict[str, str | None]:
        """Of the first element that the selector finds."""
        node = self.document.css_first(selector)
        assert node is not None, selector
        return node.attributes

    @property
    def document(self) -> LexborHTMLParser:
        return LexborHTMLParser(self.page.text)

    @property
    def text(self) -> str:
        """What a person reads in the main part."""
        node = self.document.css_first("main")
        return "" if node is None else " ".join(node.text().split())

    @property
    def buttons(self) -> list[str]:
        return [" ".join(node.text().split()) for node in self.document.css("main button[type=submit]")]

    def _form_of(self, button: str) -> LexborNode:
        for form in self.document.css("form"):
            if any(button in node.text() for node in form.css("button")):
                return form
        raise AssertionError(f"no button {button!r} in: {self.text[:500]}")


def _values(form: LexborNode) -> dict[str, str]:
    found = {}
    for field in form.css("input[name], textarea[name], select[name]"):
        kind, name = field.attributes.get("type"), field.attributes["name"] or ""
        if field.tag == "select":
            chosen = field.css_first("option[selected]") or field.css_first("option")
            found[name] = (chosen.attributes.get("value") or "") if chosen else ""
        elif field.tag == "textarea":
            found[name] = field.text()
        elif kind not in ("checkbox", "radio") or "checked" in field.attributes:
            found[name] = field.attributes.get("value") or ""
    return found


def _pressed(form: LexborNode, button: str) -> dict[str, str]:
    node = _button_of(form, button)
    name = node.attributes.get("name")
    return {name: node.attributes.get("value") or ""} if name else {}


def _button_of(form: LexborNode, button: str) -> LexborNode:
    return next(node for node in form.css("button") if button in node.text())


async def link_in_mail(
    work: Callable[[], Awaitable[int]], mailbox: Callable[[], Awaitable[list[Any]]], subject: str
) -> str:
    """The path of the link in the newest mail of this subject."""
    await work()
    mail = next(each for each in await mailbox() if each.subject == subject)
    found = re.search(r"http://everpost\.test(/\S+)", mail_views.read(mail.content).text or "")
    assert found is not None
    return found[1]
