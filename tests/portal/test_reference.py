"""The API reference: a page for each operation, made from the document, that holds without scripts as well."""

import re
import shutil
import subprocess
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from selectolax.lexbor import LexborHTMLParser

from everpost import app as web
from everpost.oauth import apps
from everpost.platform import openapi
from everpost.platform.config import Settings
from everpost.platform.db import Db
from everpost.platform.http import App
from everpost.portal import code_samples, reference, reference_pages, swagger_ui
from everpost.portal.code_samples import Call
from tests.support.api import Api


@pytest.fixture
def visitor(app: App) -> Api:
    return Api(app, None)


def operations() -> list[reference_pages.Operation]:
    document = openapi.document(web.all_doors(), web.ABOUT)
    return [operation for tag in reference_pages.read(document) for operation in tag.operations]


async def test_the_reference_lists_every_operation_by_its_subject(visitor: Api) -> None:
    for path in ("/reference", "/portal/reference"):
        page = LexborHTMLParser((await visitor.get(path)).text)
        listed = {link.attributes["href"] for link in page.css(".operations a")}
        assert {f"/reference/{operation.name}" for operation in operations()} == listed
        assert {operation.tag for operation in operations()} == {heading.text() for heading in page.css("h2")}
        downloads = {urlsplit(link.attributes["href"] or "").path for link in page.css("a[download]")}
        assert {"/v3/openapi.yaml", "/v3/swagger.yaml"} <= downloads


async def test_a_page_tells_all_that_the_document_does(visitor: Api) -> None:
    page = LexborHTMLParser((await visitor.get("/portal/reference/create_contact")).text)
    text = page.body.text() if page.body else ""
    for told in ("POST", "/v3/contacts", "contact_data", "contacts:write", "email_address.permission_to_send", "required",
                 "at most 50 characters", "implicit", "application/json", "201", "409", "cURL", "Java", "PHP", "Python"):  # fmt: skip
        assert told.lower() in text.lower(), told
    assert "requests.post" in text


async def test_every_operation_has_a_page_that_is_found_at_both_addresses(visitor: Api) -> None:
    for operation in operations():
        answer = await visitor.get(f"/reference/{operation.name}")
        assert 200 == answer.status, operation.name
        assert operation.path in answer.text
    assert 404 == (await visitor.get("/reference/nothing")).status


async def test_trying_is_authorised_by_the_instance_s_own_application(visitor: Api, db: Db) -> None:
    page = LexborHTMLParser((await visitor.get("/reference/list_contacts")).text)
    attempt = page.css_first("#try")
    assert attempt is not None
    async with db.transaction() as conn:
        own = await apps.reference(conn)
    assert (str(own.client_id), own.redirect_uris) == (
        attempt.attributes["data-client"],
        [attempt.attributes["data-callback"]],
    )
    assert "account_read account_update contact_data campaign_data" == attempt.attributes["data-scope"]
    assert "pkce" == own.kind
    again = LexborHTMLParser((await visitor.get("/reference/list_contacts")).text).css_first("#try")
    assert again is not None
    assert again.attributes["data-verifier"] != attempt.attributes["data-verifier"]


async def test_pages_may_call_the_api_and_nobody_else(visitor: Api, settings: Settings) -> None:
    policy = (await visitor.get("/reference/list_contacts")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert {"'self'", settings.api_origin, settings.auth_origin} == set(rules["connect-src"].split())
    assert "'self'" == rules["script-src"]
    assert "unsafe" not in policy


async def test_swagger_ui_comes_from_this_server_and_small(visitor: Api) -> None:
    address = swagger_ui.address()
    assert address is not None, "Not set up by make: `make setup`."
    whole = await visitor.get(address, headers={"Accept-Encoding": "identity"})
    small = await visitor.get(address, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in whole.headers["cache-control"]
    assert "gzip" == small.headers["content-encoding"]
    assert whole.content == small.content
    assert int(small.headers["content-length"]) < len(whole.content) / 2
    assert 404 == (await visitor.get(address.replace("/swagger-ui/", "/swagger-ui/1"))).status


async def test_without_swagger_ui_the_reference_can_still_be_read(
    visitor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swagger_ui, "address", lambda: None)
    answer = await visitor.get("/reference/list_contacts")
    assert 200 == answer.status
    assert "make setup" in answer.text


def test_partner_operations_cannot_be_tried(settings: Settings) -> None:
    tried = next(each for each in operations() if each.name == "list_contacts")
    assert tried.may_be_tried
    partner = msgspec.structs.replace(tried, tag="Technology Partners Webhooks")
    assert not partner.may_be_tried


def test_examples_are_valid_beside_their_schemas(settings: Settings) -> None:
    document = openapi.document(web.all_doors(), web.ABOUT)
    wrong = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (each for body in bodies for each in body.get("content", {}).values() if "example" in each):
                schema = {**content["schema"], "components": document["components"]}
                wrong += [
                    f"{method} {path}: {error.message[:150]}"
                    for error in OAS31Validator(schema).iter_errors(content["example"])
                ]
    assert [] == wrong


def test_every_operation_is_described_with_meanings_for_all_parameters(settings: Settings) -> None:
    document = openapi.document(web.all_doors(), web.ABOUT)
    silent = [
        f"{operation['operationId']}: {parameter['name']}"
        for methods in document["paths"].values()
        for operation in methods.values()
        for parameter in [*operation["parameters"], {"name": "", "description": operation["description"]}]
        if not parameter["description"]
    ]
    assert [] == silent
    assert all(tag.get("description") for tag in document["tags"])


def test_python_and_shell_samples_are_what_they_say(settings: Settings) -> None:
    bash = shutil.which("bash")
    for operation in operations():
        codes = {sample.language: sample.code for sample in operation.code}
        compile(codes["Python"], operation.name, "exec")
        assert bash is not None
        assert 0 == subprocess.run([bash, "-n"], input=codes["cURL"], text=True, check=False).returncode
        assert operation.method in codes["Java"]
        assert operation.method in codes["PHP"]


def test_what_a_body_holds_cannot_break_out_of_a_sample() -> None:
    call = Call("POST", "https://api.example/v3/a", body={"name": 'It\'s "so" \\ """ é', "is": True, "none": None})
    shell = code_samples.curl(call)
    echoed = subprocess.run(
        ["bash", "-c", shell.replace("curl -X POST", "printf '%s\\n'")], capture_output=True, text=True, check=True
    )
    assert "It's" in echoed.stdout
    values: dict[str, object] = {}
    exec(re.sub(r"(?s)^import os.*?(?=body =)|answer = .*", "", code_samples.python(call)), values)
    assert call.body == values["body"]


def test_the_callback_is_that_of_the_installation(settings: Settings) -> None:
    assert "/portal/reference/callback" == apps.REFERENCE_CALLBACK
    assert urlsplit(settings.auth_origin).path == ""
    assert len(reference.SCOPES) == 4


async def test_the_callback_page_runs_no_script_but_ours(visitor: Api) -> None:
    answer = await visitor.get("/portal/reference/callback", {"code": "<script>alert(1)</script>", "state": "s"})
    assert 200 == answer.status
    assert "alert(1)" not in answer.text
    scripts = [each.attributes.get("src") for each in LexborHTMLParser(answer.text).css("script")]
    assert all(str(each).startswith("/static/") for each in scripts)
    assert isinstance(answer.response, httpx.Response)
