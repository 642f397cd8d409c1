"""Our answers as the official package reads them."""

import warnings
from collections.abc import Iterator
from typing import Any

from tests.support.api import Reply

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import constant_contact_api_client.models as models

__all__ = ["misread", "models"]


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
