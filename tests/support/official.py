"""Our answers as the official package reads them."""

import asyncio
import io
import warnings
from collections.abc import Iterator
from typing import Any

import urllib3

from tests.support.api import Api, Reply

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import constant_contact_api_client
    import constant_contact_api_client.models as models

__all__ = ["Official", "misread", "models", "package"]

package: Any = constant_contact_api_client  # which does not say what of it is public


def misread(model: Any, answer: Reply, status: int = 200) -> list[str]:
    """Members of the answer that the package does not know. Raises where it would raise for its users."""
    assert status == answer.status, answer
    rows = answer.body if isinstance(answer.body, list) else [answer.body]
    return [name for row in rows for name in _unknown(row, model.from_dict(row).model_dump(by_alias=True), "")]


def _unknown(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    if isinstance(ours, dict):
        for name, value in ours.items():
            if not isinstance(theirs, dict) or name not in theirs:
                yield f"{path}.{name}"
            else:
                yield from _unknown(value, theirs[name], f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _unknown(one, other, f"{path}[{number}]")


class Official:
    """The official package, unmodified; only the bytes go to the application in this process."""

    def __init__(self, api: Api) -> None:
        settings = package.Configuration(host="http://everpost.test/v3", access_token=api.token)
        self.client = package.ApiClient(settings)
        self.client.rest_client.pool_manager = _Pool(api)

    async def call(self, method: Any, *arguments: Any, **options: Any) -> Any:
        """`await official.call(package.ContactTagsApi.get_all_tags, limit=500)`; raises what it raises for its users."""
        owner = getattr(package, method.__qualname__.partition(".")[0])
        return await asyncio.to_thread(method, owner(self.client), *arguments, **options)


class _Pool:
    """Stands where the package keeps its sockets. It calls from threads; the application runs in the event loop."""

    def __init__(self, api: Api) -> None:
        self._api, self._loop = api, asyncio.get_running_loop()

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        headers = {name: value for name, value in (options.get("headers") or {}).items() if value is not None}
        body = options.get("body")
        if options.get("encode_multipart"):
            body, headers["Content-Type"] = urllib3.encode_multipart_formdata(options["fields"])
        sending = self._api.client.request(method, url, headers=headers, content=body)
        answer = asyncio.run_coroutine_threadsafe(sending, self._loop).result(30)
        return urllib3.HTTPResponse(
            io.BytesIO(answer.content), dict(answer.headers), answer.status_code, reason=answer.reason_phrase,
            preload_content=False, decode_content=False,
        )  # fmt: skip
