"""The request pipeline: order of checks, envelopes, parameters, and the commit before the answer."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from everpost.ids import AccountId, AppId, ListId, UserId
from everpost.platform.caller import Caller, Session
from everpost.platform.db import Conn, Db, one, run
from everpost.platform.errors import Area, Conflict, NotFound, Unauthorized, bracketed, dotted
from everpost.platform.http import Answer, App, Doors
from everpost.platform.paging import Links, PageQuery
from tests.support.api import Api

ACCOUNT = AccountId(uuid4())
KNOWN = ListId(uuid4())

JOINED = Area(
    prefix="boats.api",
    word=bracketed,
    invalid_key="boats.api.validation.error",
    malformed_key="boats.api.validation.error",
    malformed="Bad request. The JSON was malformed.",
    not_found_key="boats.api.not_found",
    is_joined=True,
    bad_cursor="cursor is invalid",
    platform_keys={"method_not_allowed": "boats.api.method_not_allowed"},
)
SINGLE = Area(
    prefix="sails.api",
    word=dotted,
    invalid_key="sails.api.validation.error",
    malformed_key="sails.api.json.malformed",
    not_found_key="sails.api.not_found",
)


class Part(msgspec.Struct):
    kind: Literal["mast", "keel"]
    weight: Annotated[int, Meta(ge=1, le=99)] | None = None


class BoatIn(msgspec.Struct):
    source: Literal["Contact", "Account"]
    name: Annotated[str, Meta(max_length=5)] | None = None
    parts: Annotated[list[Part], Meta(max_length=2)] | None = None
    owner_id: UUID | None = None


class BoatQuery(PageQuery):
    limit: Annotated[int, Meta(ge=1, le=3)] = 2
    status: list[Literal["afloat", "sunk"]] = []
    with_count: bool = False


class BoatPage(msgspec.Struct, omit_defaults=True):
    boats: list[int]
    links: Links | UnsetType = msgspec.field(name="_links", default=UNSET)


class NameTaken(Conflict):
    """Name already exists for boat {boat_id}"""

    key = "boats.api.conflict"


boats = Doors(JOINED, "Boats")
sails = Doors(SINGLE, "Sails", is_shape_first=True)


async def require(conn: Conn, account_id: AccountId, boat_id: ListId) -> None:
    if boat_id != KNOWN:
        raise NotFound


@boats.post("/v3/boats", scope="contact_data", privilege="contacts:write", status=201)
async def create_boat(conn: Conn, caller: Caller, data: BoatIn) -> BoatIn:
    if data.name == "taken":
        raise NameTaken(boat_id="7")
    await run(conn, "INSERT INTO recurring_tasks VALUES (:name, now())", name=data.name or "boat")
    return data


@boats.put("/v3/boats/{boat_id}", scope="contact_data", exists=require)
async def replace_boat(conn: Conn, boat_id: ListId, data: BoatIn) -> BoatIn:
    return data


@boats.get("/v3/boats", scope="contact_data")
async def page_boats(conn: Conn, query: BoatQuery) -> BoatPage:
    start = int(query.cursor.position[0]) if query.cursor.position else 0
    page = list(range(start, min(start + query.limit, 5)))
    more = start + query.limit < 5
    return BoatPage(page, query.cursor.links(start + query.limit) if more else UNSET)


@boats.get("/v3/boats/count", scope="contact_data")
async def count_boats(query: BoatQuery) -> Answer:
    return Answer({"status": query.status, "with_count": query.with_count})


@boats.get("/v3/broken")
async def break_down() -> None:
    raise RuntimeError("as intended")


@boats.post("/v3/uncommittable")
async def break_commit(conn: Conn) -> BoatIn:
    await run(conn, "CREATE TEMPORARY TABLE parents (id int PRIMARY KEY) ON COMMIT DROP")
    await run(
        conn,
        "CREATE TEMPORARY TABLE children (id int REFERENCES parents DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
    )
    await run(conn, "INSERT INTO children VALUES (1)")
    return BoatIn(source="Contact")


@sails.put("/v3/sails/{sail_id}", scope="campaign_data")
async def replace_sail(conn: Conn, sail_id: ListId, data: BoatIn) -> BoatIn:
    await require(conn, ACCOUNT, sail_id)
    return data


async def read_caller(db: Db, token: str) -> Caller:
    if token == "bad":
        raise Unauthorized
    return Caller(
        ACCOUNT, UserId(uuid4()), AppId(uuid4()), frozenset(token.split(",")), frozenset({"contacts:write"}), False
    )


async def find_session(db: Db, token: str) -> Session | None:
    return None


@pytest.fixture
async def app(db: Db) -> AsyncIterator[App]:
    async def open_database() -> Db:
        return db

    application = App([*boats, *sails], open_database=open_database, read_caller=read_caller, find_session=find_session)
    await application.start()
    yield application


@pytest.fixture
def api(app: App) -> Any:
    return Api(app, "contact_data,campaign_data")


async def test_a_request_without_a_token_gets_the_59_byte_object(app: App) -> None:
    answer = await Api(app, None).get("/v3/boats")
    assert (401, b'{"error_key":"unauthorized","error_message":"Unauthorized"}') == (answer.status, answer.content)
    assert answer.headers["www-authenticate"] == "Bearer realm=everpost.test"


async def test_the_token_is_checked_before_the_path_is_known(app: App) -> None:
    assert (await Api(app, "bad").get("/v3/nowhere")).status == 401


async def test_an_unknown_path_is_404_with_an_array(api: Api) -> None:
    answer = await api.get("/v3/nowhere")
    expected = [{"error_key": "not_found", "error_message": "The requested resource was not found."}]
    assert (404, expected) == (answer.status, answer.body)


async def test_a_path_outside_the_api_is_forbidden(api: Api) -> None:
    answer = await api.get("/elsewhere")
    assert (403, {"message": "Forbidden"}) == (answer.status, answer.body)


async def test_a_browser_that_goes_astray_is_told_so_in_words(api: Api) -> None:
    answer = await api.client.get("/elsewhere", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert 403 == answer.status_code
    assert "There is nothing here" in answer.text


async def test_a_wrong_method_is_405_and_names_the_right_ones(api: Api) -> None:
    answer = await api.delete("/v3/boats")
    assert (405, "GET, HEAD, POST", "boats.api.method_not_allowed") == (
        answer.status, answer.headers["allow"], answer.error_key,
    )  # fmt: skip


async def test_a_missing_scope_is_403_before_the_body_is_looked_at(app: App) -> None:
    answer = await Api(app, "account_read").post("/v3/boats", content=b"{")
    assert (403, "Request forbidden due to insufficient scope.") == (answer.status, answer.error_message)
    assert isinstance(answer.body, dict)


@pytest.mark.parametrize("body", [b"{", b"null", b"[]", b"7", b"", b"\xff", b'{"a":"\\ud800"}'])
async def test_a_body_that_is_no_json_object_is_malformed(api: Api, body: bytes) -> None:
    answer = await api.post("/v3/boats", content=body)
    assert (400, "Bad request. The JSON was malformed.") == (answer.status, answer.error_message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "source is missing, source does not have a valid value"),
        ({"source": "contact"}, "source does not have a valid value"),
        ({"source": None}, "source is missing, source does not have a valid value"),
        ({"source": "Contact", "name": "longer"}, "name is too long (maximum is 5 characters)"),
        ({"source": "Contact", "name": 5, "owner_id": "x"}, "name is invalid, owner_id is invalid"),
        ({"source": "Contact", "parts": [{"kind": "mast"}, {"kind": "oar", "weight": 0}]},
         "parts[1][kind] does not have a valid value, parts[1][weight] does not have a valid value"),
        ({"source": "Contact", "parts": [{}]}, "parts[0][kind] is missing, parts[0][kind] does not have a valid value"),
        ({"source": "Contact", "parts": [{"kind": "mast"}] * 3}, "parts has too many items (maximum is 2)"),
        ({"source": "Contact", "parts": "x"}, "parts is invalid"),
        ({"source": "Contact", "name": "a\u0000b"}, "name is invalid"),
    ],
)  # fmt: skip
async def test_all_problems_of_a_body_are_told_in_one_element(api: Api, body: Any, message: str) -> None:
    answer = await api.post("/v3/boats", body)
    assert (400, [{"error_key": "boats.api.validation.error", "error_message": message}]) == (
        answer.status, answer.body,
    )  # fmt: skip


async def test_white_space_around_a_text_makes_it_no_longer(api: Api) -> None:
    async def put(name: str, **others: Any) -> Any:
        return await api.put(f"/v3/sails/{KNOWN}", {"source": "Contact", "name": name, **others})

    assert "12345" == (await put("  12345\n")).body["name"]
    assert " 1234" == (await put(" 1234")).body["name"]
    assert "name must not be longer than 5 characters." == (await put(" 123456 ")).error_message
    wrong = await put(" 12345 ", owner_id=f" {KNOWN}")
    assert ["owner_id does not have a valid value"] == [error["error_message"] for error in wrong.errors]


async def test_an_area_may_tell_its_problems_one_by_one(api: Api) -> None:
    answer = await api.put(f"/v3/sails/{KNOWN}", {"parts": [{"kind": 1}]})
    assert ["source is required.", "parts[0].kind does not have a valid value"] == [
        error["error_message"] for error in answer.errors
    ]


async def test_existence_comes_before_the_body_or_after_it_as_the_area_says(api: Api) -> None:
    unknown = uuid4()
    assert (await api.put(f"/v3/boats/{unknown}", {})).status == 404
    assert (await api.put(f"/v3/boats/{KNOWN}", {})).status == 400
    assert (await api.put(f"/v3/sails/{unknown}", {})).status == 400


async def test_a_malformed_id_is_400_with_the_not_found_key(api: Api) -> None:
    answer = await api.put("/v3/boats/171234", {"source": "Contact"})
    assert (400, "boats.api.not_found", "boat_id is in an invalid format.") == (
        answer.status, answer.error_key, answer.error_message,
    )  # fmt: skip


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_type_is_415(api: Api, content_type: str) -> None:
    answer = await api.post("/v3/boats", content=b'{"source":"Contact"}', headers={"Content-Type": content_type})
    assert (415, "unsupported_media_type") == (answer.status, answer.error_key)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge+json", None])
async def test_json_is_read_whatever_its_parameters_and_without_a_type(api: Api, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await api.post("/v3/boats", content=b'{"source":"Contact","extra":1}', headers=headers)
    assert 201 == answer.status


async def test_a_body_over_ten_mebibytes_is_413(api: Api) -> None:
    answer = await api.post("/v3/boats", content=b" " * (10 * 1024 * 1024 + 1))
    assert (413, "boats.api.payload_too_large") == (answer.status, answer.error_key)


async def test_a_conflict_names_its_key_and_rolls_back(api: Api, db: Db) -> None:
    answer = await api.post("/v3/boats", {"source": "Contact", "name": "taken"})
    assert (409, "boats.api.conflict", "Name already exists for boat 7") == (
        answer.status, answer.error_key, answer.error_message,
    )  # fmt: skip


async def test_what_a_door_wrote_is_committed(api: Api, db: Db) -> None:
    await api.post("/v3/boats", {"source": "Contact", "name": "kept"})
    async with db.reader() as conn:
        assert 1 == await one(conn, int, "SELECT count(*) FROM recurring_tasks WHERE name = 'kept'")


async def test_a_commit_that_fails_is_a_500(api: Api) -> None:
    answer = await api.post("/v3/uncommittable")
    assert (500, "An unexpected error occurred.") == (answer.status, answer.error_message)


async def test_an_exception_is_a_500_without_its_text(api: Api) -> None:
    answer = await api.get("/v3/broken")
    assert (500, False) == (answer.status, "intended" in answer.text)


async def test_paging_follows_the_link_alone_and_ignores_everything_else(api: Api) -> None:
    first = await api.get("/v3/boats", {"limit": "2", "status": "afloat"})
    assert [0, 1] == first.body["boats"]
    href = first.body["_links"]["next"]["href"]
    assert href.startswith("/v3/boats?cursor=") and "%" not in href
    second = await api.get(f"{href}&limit=3&page=0")
    assert [2, 3] == second.body["boats"]
    third = await api.get(second.body["_links"]["next"]["href"].rstrip("="))
    assert ({"boats": [4]}) == third.body


async def test_an_altered_or_foreign_cursor_is_400(api: Api) -> None:
    href = (await api.get("/v3/boats")).body["_links"]["next"]["href"]
    cursor = href.partition("cursor=")[2]
    for text in (cursor[:-6] + "AAAA==", "garbage", "", "%00"):
        answer = await api.get(f"/v3/boats?cursor={text}")
        if text:
            assert (400, "cursor is invalid") == (answer.status, answer.error_message)
    assert 400 == (await api.get(f"/v3/boats/count?cursor={cursor}")).status


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("status=afloat,sunk", {"status": ["afloat", "sunk"], "with_count": False}),
        ("status=afloat&status=SUNK", {"status": ["afloat", "sunk"], "with_count": False}),
        ("status=afloat%2Csunk&page=0", {"status": ["afloat", "sunk"], "with_count": False}),
        ("with_count=TRUE", {"status": [], "with_count": True}),
        ("with_count=1", {"status": [], "with_count": True}),
    ],
)
async def test_lists_and_booleans_come_in_every_style(api: Api, query: str, body: Any) -> None:
    assert body == (await api.get(f"/v3/boats/count?{query}")).body


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit does not have a valid value"),
        ("limit=x", "limit does not have a valid value"),
        ("with_count=maybe", "with_count does not have a valid value"),
        ("status=stranded", "status does not have a valid value"),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, query: str, message: str) -> None:
    answer = await api.get(f"/v3/boats/count?{query}")
    assert (400, message) == (answer.status, answer.error_message)


async def test_every_answer_of_the_api_carries_cors_and_a_request_id(app: App) -> None:
    answer = await Api(app, None).get("/v3/nowhere")
    assert ("*", 36) == (answer.headers["access-control-allow-origin"], len(answer.headers["x-request-id"]))


async def test_a_preflight_needs_no_token(app: App) -> None:
    answer = await Api(app, None).request("OPTIONS", "/v3/boats")
    assert (200, b"", "600") == (answer.status, answer.content, answer.headers["access-control-max-age"])


async def test_head_is_get_without_its_body_and_a_trailing_slash_counts_for_nothing(api: Api) -> None:
    answer = await api.request("HEAD", "/v3/boats/")
    assert (200, b"") == (answer.status, answer.content)
