"""Our own Swagger 2.0 document beside the contract's shapes: the same parameters, bodies, answers and statuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from everpost import app as web
from everpost.platform import openapi, swagger
from everpost.platform.config import Settings
from tests.architecture.sources import ROOT

_SHAPES = ROOT.parent / "shared" / "contract" / "api-shapes.json"
_DEEPEST = 4

pytestmark = pytest.mark.skipif(not _SHAPES.is_file(), reason="The contract's shapes lie outside this checkout.")

# Statuses that the schema lists and the contract's text rules out: a GET's content type is ignored, and so on.
_NEVER = {("GET", "415"), ("GET /account/summary/physical_address", "400"),
          ("GET /emails/activities/{campaign_activity_id}/abtest", "409")}  # fmt: skip
# What only older formats of emails have, which nobody can create here; and a logo and partners that no account has.
_ABSENT = ("document_properties", "company_logo", "encoded_partner_id", "_links.next.next", "activity_errors.message",
           "link_click_counts.list_action", "link_click_counts.list_id", "link_click_counts.link_tag")  # fmt: skip
# Members that are read only: bodies may hold them, and they count for nothing.
_READ_ONLY = {
    "campaign_activity_id", "campaign_id", "confirm_status", "country_name", "created_at", "current_status",
    "document_id", "encoded_account_id", "format_type",
    "opt_in_date", "opt_out_date", "opt_out_source", "permalink_url", "physical_address_in_footer.state_name", "role",
    "updated_at",
}  # fmt: skip

Document = dict[str, Any]


@pytest.fixture
def ours(settings: Settings) -> Document:
    return swagger.convert(openapi.document(web.all_doors(), web.ABOUT))


@pytest.fixture
def theirs() -> Document:
    found: Document = json.loads(_SHAPES.read_text("utf-8"))
    return found


def both(ours: Document, theirs: Document) -> Iterator[tuple[str, Document, Document]]:
    """Every operation that both documents know, by method and path."""
    for path, methods in ours["paths"].items():
        for method, operation in methods.items():
            known = theirs["paths"].get(path, {}).get(method)
            if known is not None:
                yield f"{method.upper()} {path}", operation, known


def names(document: Document, schema: Document, depth: int = 0) -> Iterator[str]:
    """The members of a schema by their paths; those of an array as those of its items. `*` is anything."""
    if "$ref" in schema:
        schema = document["definitions"][schema["$ref"].rpartition("/")[2]]
    if depth > _DEEPEST:
        return
    if schema.get("type") == "array":
        yield from names(document, schema.get("items", {}), depth)
        return
    parts = [schema, *schema.get("allOf", ())]
    if not any("properties" in part or "$ref" in part for part in parts) and schema.get("type", "object") == "object":
        yield "*"
    for part in schema.get("allOf", ()):
        yield from names(document, part, depth)
    for name, each in schema.get("properties", {}).items():
        yield name
        yield from (f"{name}.{inner}" for inner in names(document, each, depth + 1))


def missing(ours: Document, theirs: Document, own: Document, known: Document) -> list[str]:
    """Members of their schema that ours does not tell; what we leave open (`*`) may hold any."""
    told = set(names(ours, own))
    open_ones = {name.removesuffix("*") for name in told if name.endswith("*")}
    return [
        name
        for name in dict.fromkeys(names(theirs, known))
        if name not in told
        and not name.endswith("*")
        and not any(name.startswith(each) for each in (*open_ones, *_ABSENT))
    ]


def success(operation: Document) -> Document:
    found = next((each for status, each in operation["responses"].items() if status.startswith("2")), {})
    schema: Document = found.get("schema", {})
    return schema


def body(operation: Document) -> Document:
    found: Document = next((each["schema"] for each in operation["parameters"] if each["in"] == "body"), {})
    return found


def test_operations_have_the_contract_s_subject_and_statuses(ours: Document, theirs: Document) -> None:
    wrong = []
    for name, own, known in both(ours, theirs):
        if own["tags"] != known["tags"]:
            wrong.append(f"{name}: {own['tags']} instead of {known['tags']}")
        lacking = {
            status
            for status in set(known["responses"]) - set(own["responses"])
            if not {(name, status), (name.partition(" ")[0], status)} & _NEVER
        }
        if lacking:
            wrong.append(f"{name}: no {sorted(lacking)}")
    assert [] == wrong


def test_operations_take_the_contract_s_parameters(ours: Document, theirs: Document) -> None:
    wrong = []
    for name, own, known in both(ours, theirs):
        told = {(each["in"], each["name"]) for each in own["parameters"]}
        needed = [(each["in"], each["name"]) for each in known["parameters"] if each["in"] != "body"]
        wrong += [f"{name}: no {where} {each}" for where, each in needed if (where, each) not in told]
    assert [] == wrong


def test_bodies_and_answers_have_the_contract_s_members(ours: Document, theirs: Document) -> None:
    wrong = []
    for name, own, known in both(ours, theirs):
        wrong += [f"{name} answers no {member}" for member in missing(ours, theirs, success(own), success(known))]
        wrong += [
            f"{name} takes no {member}"
            for member in missing(ours, theirs, body(own), body(known))
            if not any(f".{member}".endswith(f".{name}") for name in _READ_ONLY)
        ]
    assert [] == wrong


def test_enough_operations_are_compared(ours: Document, theirs: Document) -> None:
    assert len(list(both(ours, theirs))) >= 60
