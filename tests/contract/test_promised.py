"""The REST surface is what was promised: no route missing, none unannounced, each with the contract's scope."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV2SpecValidator, validate

from everpost import app as web
from everpost.platform import openapi, swagger
from everpost.platform.config import Settings
from tests.architecture.sources import ROOT
from tests.support.fixtures import AccountApi

_SHAPES = ROOT.parent / "shared" / "contract" / "api-shapes.json"


def _promised() -> set[tuple[str, str]]:
    lines = (Path(__file__).parent / "promised.txt").read_text("utf-8").splitlines()
    return {(method, path) for method, path in (line.split() for line in lines if line and not line.startswith("#"))}


def _served() -> set[tuple[str, str]]:
    doors = web.all_doors()
    doors += openapi.document_doors(doors, web.ABOUT)
    return {(door.method, door.path) for door in doors if door.path.startswith("/v3")}


def test_every_promised_route_is_served_and_no_other() -> None:
    assert _promised() == _served()


def test_the_document_of_everything_served_is_valid(settings: Settings) -> None:
    validate(openapi.document(web.all_doors(), web.ABOUT))


def test_it_is_valid_swagger_too(settings: Settings) -> None:
    converted = swagger.convert(openapi.document(web.all_doors(), web.ABOUT))
    OpenAPIV2SpecValidator(converted).validate()


async def test_the_documents_are_answered_without_a_token(api: AccountApi) -> None:
    for name in ("openapi.json", "openapi.yaml", "swagger.json", "swagger.yaml"):
        answer = await api.anonymous().get(f"/v3/{name}")
        assert 200 == answer.status
        document = yaml.safe_load(answer.text)
        assert {"openapi": "3.1.0", "swagger": "2.0"}[name.partition(".")[0]] in (
            document.get("openapi"), document.get("swagger"),
        )  # fmt: skip


def test_every_door_has_a_summary_for_people(settings: Settings) -> None:
    paths = openapi.document(web.all_doors(), web.ABOUT)["paths"]
    silent = [
        f"{method} {path}" for path, each in paths.items() for method, door in each.items() if not door["summary"]
    ]
    assert [] == silent


def test_operations_have_names_of_their_own(settings: Settings) -> None:
    paths = openapi.document(web.all_doors(), web.ABOUT)["paths"]
    names = [door["operationId"] for each in paths.values() for door in each.values()]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.skipif(not _SHAPES.is_file(), reason="The contract's shapes lie outside this checkout.")
def test_scopes_and_privileges_are_those_of_the_contract() -> None:
    shapes: dict[str, Any] = json.loads(_SHAPES.read_text("utf-8"))["paths"]
    table = re.findall(
        r"^\| \d+ \| (\w+) \| `([^`]+)` \| (\S+) \| (\S+) \|",
        (_SHAPES.parent / "conventions.md").read_text("utf-8"),
        re.MULTILINE,
    )
    promised = {(method, f"/v3{path}"): (scope.strip("`"), right.strip("`")) for method, path, scope, right in table}
    wrong = []
    for door in web.all_doors():
        expected = promised.get((door.method, door.path))
        if expected is None:
            continue
        scope, privilege = expected
        # The sources disagree about these three, so either scope is enough. Source: contract, conventions.md §13.
        either = {"campaign_data"} if door.path.startswith("/v3/reports/contact_reports/") else set()
        if ({scope} - {"none"} | either, privilege) != (set(door.scopes), door.privilege or "none"):
            wrong.append(f"{door.method} {door.path}: {(sorted(door.scopes), door.privilege)} instead of {expected}")
    assert [] == wrong
    assert len(shapes) > 80
