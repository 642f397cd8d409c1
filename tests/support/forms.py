"""Filling in pages as a person without scripts would: read the form, keep its hidden fields, press a button."""

from urllib.parse import urljoin

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode


def submit(client: httpx.Client, page: httpx.Response, button: str | None = None, /, **fields: str) -> httpx.Response:
    """Send the page's form with its own values and these; `button` is a button's text where there are several."""
    document = LexborHTMLParser(page.text)
    form = next(form for form in document.css("form") if button is None or _button(form, button) is not None)
    values = {
        field.attributes["name"] or "": field.attributes.get("value") or ""
        for field in form.css("input[name]")
        if (field.attributes.get("type") or "text") not in ("submit", "checkbox", "radio")
    }
    pressed = _button(form, button) if button else None
    if pressed is not None and pressed.attributes.get("name"):
        values[pressed.attributes["name"] or ""] = pressed.attributes.get("value") or ""
    action = urljoin(str(page.url), form.attributes.get("action") or str(page.url))
    return client.post(action, data=values | fields)


def _button(form: LexborNode, text: str) -> LexborNode | None:
    return next((each for each in form.css("button") if text.lower() in each.text().lower()), None)
