"""Contacts made and changed through the door, for the tests of each endpoint."""

from typing import Any

from tests.support.api import Api, Reply

VALIDATION = "contacts.api.validation.error"
ADDRESS = {"kind": "home", "street": "77 Quarry Row", "city": "Salem", "state": "OR", "postal_code": "97301"}


async def make(api: Api, email: str = "tobin@fernwick.example", **members: Any) -> dict[str, Any]:
    """A contact that POST made."""
    body = {"create_source": "Account", "email_address": {"address": email}, **members}
    answer = await api.post("/v3/contacts", body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def put(api: Api, contact: dict[str, Any], **members: Any) -> Reply:
    """What PUT says to these members."""
    return await api.put(f"/v3/contacts/{contact['contact_id']}", {"update_source": "Account", **members})


async def get(api: Api, contact: dict[str, Any], *include: str) -> dict[str, Any]:
    """The contact as it is now, with the parts named."""
    params = {"include": ",".join(include)} if include else None
    found: dict[str, Any] = (await api.get(f"/v3/contacts/{contact['contact_id']}", params)).body
    return found
