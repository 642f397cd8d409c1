"""The eight tracking reports: rows, order, paging, and the contacts behind them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everpost.ids import ContactId, new_id
from tests.reports.conftest import Mail

pytestmark = pytest.mark.anyio

NewContact = Callable[..., Awaitable[ContactId]]
REPORTS = ["sends", "opens", "unique_opens", "didnotopens", "clicks", "forwards", "optouts", "bounces"]


async def everything(api: Any, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """All rows, page by page."""
    answer = await api.get(path, params=params)
    rows = list(answer.body["tracking_activities"])
    while (answer.body.get("_links") or {}).get("next"):
        answer = await api.get(answer.body["_links"]["next"]["href"])
        assert 200 == answer.status, answer
        rows += answer.body["tracking_activities"]
    return rows


@pytest.fixture
async def people(mail: Mail, new_contact: NewContact) -> list[ContactId]:
    """Five contacts that the mail was sent to, a minute apart."""
    addresses = [f"reader{n}@reader.example" for n in range(5)]
    found = [await new_contact(address, first_name=f"Reader {n}") for n, address in enumerate(addresses)]
    await mail.send(dict(zip(found, addresses, strict=True)))
    return found


@pytest.mark.parametrize("name", REPORTS)
async def test_a_mail_that_was_never_sent_has_empty_reports(api: Any, mail: Mail, name: str) -> None:
    expected: dict[str, Any] = {"tracking_activities": []}
    if name in ("optouts", "bounces"):
        expected["_links"] = {}
    answer = await api.get(f"{mail.tracking}/{name}")
    assert (200, expected) == (answer.status, answer.body)


async def test_sends_are_listed_newest_first(api: Any, mail: Mail, people: list[ContactId]) -> None:
    rows = (await api.get(f"{mail.tracking}/sends")).body["tracking_activities"]
    assert [str(person) for person in reversed(people)] == [row["contact_id"] for row in rows]
    assert {
        "contact_id": str(people[4]),
        "campaign_activity_id": str(mail.activity_id),
        "tracking_activity_type": "em_sends",
        "email_address": "reader4@reader.example",
        "first_name": "Reader 4",
        "created_time": "2026-03-06T12:04:00.000Z",
    } == rows[0]


async def test_opens_lists_every_open_and_unique_opens_the_last_of_each_contact(
    api: Any, mail: Mail, people: list[ContactId]
) -> None:
    await mail.hit(people[0], 10, device="mobile")
    await mail.hit(people[1], 11, device="tablet")
    await mail.hit(people[0], 12, device=None)
    opens = (await api.get(f"{mail.tracking}/opens")).body["tracking_activities"]
    assert [(people[0], None), (people[1], "tablet"), (people[0], "mobile")] == [
        (ContactId(type(people[0])(row["contact_id"])), row.get("device_type")) for row in opens
    ]
    unique = (await api.get(f"{mail.tracking}/unique_opens")).body["tracking_activities"]
    assert [("Reader 0", "2026-03-06T12:12:00.000Z", None), ("Reader 1", "2026-03-06T12:11:00.000Z", "tablet")] == [
        (row["first_name"], row["created_time"], row.get("device_type")) for row in unique
    ]
    assert {"em_opens"} == {row["tracking_activity_type"] for row in [*opens, *unique]}


async def test_clicks_carry_the_authored_link_and_filter_by_it(api: Any, mail: Mail, people: list[ContactId]) -> None:
    first, second = await mail.register("https://harborlane.example/[[FirstName]]", "https://harborlane.example/b")
    await mail.hit(people[0], 10, url_id=first)
    await mail.hit(people[1], 11, url_id=second)
    rows = (await api.get(f"{mail.tracking}/clicks")).body["tracking_activities"]
    assert [str(second), str(first)] == [row["url_id"] for row in rows]
    assert "https://harborlane.example/[[FirstName]]" == rows[1]["link_url"]
    assert {"em_clicks"} == {row["tracking_activity_type"] for row in rows}
    filtered = (await api.get(f"{mail.tracking}/clicks", params={"url_id": first})).body["tracking_activities"]
    assert [str(people[0])] == [row["contact_id"] for row in filtered]
    for unknown in (1, -1, 2**63 - 1):
        answer = await api.get(f"{mail.tracking}/clicks", params={"url_id": unknown})
        assert (200, {"tracking_activities": []}) == (answer.status, answer.body)


async def test_did_not_open_leaves_out_openers_and_every_bounce(api: Any, mail: Mail, people: list[ContactId]) -> None:
    await mail.hit(people[0], 10)
    await mail.bounce(people[1], "V", 11)
    await mail.bounce(people[2], "B", 11)
    rows = (await api.get(f"{mail.tracking}/didnotopens")).body["tracking_activities"]
    assert [
        ("reader4@reader.example", "2026-03-06T12:04:00.000Z"),
        ("reader3@reader.example", "2026-03-06T12:03:00.000Z"),
    ] == [(row["email_address"], row["created_time"]) for row in rows]
    assert {"em_didnotopens"} == {row["tracking_activity_type"] for row in rows}
    await mail.hit(people[4], 12)
    rows = (await api.get(f"{mail.tracking}/didnotopens")).body["tracking_activities"]
    assert [str(people[3])] == [row["contact_id"] for row in rows]


async def test_opt_outs_show_their_reason(api: Any, mail: Mail, people: list[ContactId]) -> None:
    await mail.opt_out(people[0], 10, "Too many")
    await mail.opt_out(people[1], 11)
    body = (await api.get(f"{mail.tracking}/optouts")).body
    assert [None, "Too many"] == [row.get("opt_out_reason") for row in body["tracking_activities"]]
    assert {"em_optouts"} == {row["tracking_activity_type"] for row in body["tracking_activities"]}
    assert {} == body["_links"]


async def test_every_forward_is_a_row(api: Any, mail: Mail, people: list[ContactId]) -> None:
    await mail.forward(people[0], 10)
    await mail.forward(people[0], 11)
    rows = (await api.get(f"{mail.tracking}/forwards")).body["tracking_activities"]
    assert ["em_forwards"] * 2 == [row["tracking_activity_type"] for row in rows]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([], "ZFB"),
        ([("bounce_code", "B")], "B"),
        ([("bounce_code", "B"), ("bounce_code", "Z")], "ZB"),
        ([("bounce_code", "B,F")], "FB"),
        ([("bounce_code", "S")], ""),
    ],
)
async def test_bounces_filter_by_code(
    api: Any, mail: Mail, people: list[ContactId], params: list[tuple[str, str]], expected: str
) -> None:
    for number, code in enumerate("BFZ"):
        await mail.bounce(people[number], code, 10 + number)  # type: ignore[arg-type]
    body = (await api.get(f"{mail.tracking}/bounces", params=params)).body
    assert expected == "".join(row["bounce_code"] for row in body["tracking_activities"])
    assert {} == body["_links"]


async def test_a_bounce_shows_the_address_then_and_now(
    api: Any, account: Any, mail: Mail, people: list[ContactId]
) -> None:
    await mail.bounce(people[0], "B", 10)
    body = {
        "email_address": {"address": "new@reader.example", "permission_to_send": "explicit"},
        "update_source": "Account", "first_name": "Renamed", "list_memberships": [str(account.list_id)],
    }  # fmt: skip
    assert 200 == (await api.put(f"/v3/contacts/{people[0]}", body)).status
    (row,) = (await api.get(f"{mail.tracking}/bounces")).body["tracking_activities"]
    assert ("reader0@reader.example", "new@reader.example", "Renamed", "em_bounces") == (
        row["email_address"],
        row["current_email_address"],
        row["first_name"],
        row["tracking_activity_type"],
    )


async def test_a_deleted_contact_keeps_its_rows(api: Any, mail: Mail, people: list[ContactId], clock: Any) -> None:
    await mail.bounce(people[0], "B", 10)
    assert 204 == (await api.delete(f"/v3/contacts/{people[0]}")).status
    (bounce,) = (await api.get(f"{mail.tracking}/bounces")).body["tracking_activities"]
    sends = (await api.get(f"{mail.tracking}/sends")).body["tracking_activities"]
    for row in (bounce, sends[-1]):
        assert ("reader0@reader.example", "Reader 0", clock.now().date().isoformat()) == (
            row["email_address"],
            row["first_name"],
            row["deleted_at"],
        )
    assert "current_email_address" not in bounce
    assert 5 == len(sends)


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
@pytest.mark.parametrize("name", REPORTS)
async def test_paging_shows_every_row_once(
    api: Any, mail: Mail, people: list[ContactId], name: str, limit: int
) -> None:
    (url_id,) = await mail.register("https://harborlane.example/a")
    for person in people[:2]:
        # Equal times, so only the ids decide.
        await mail.hit(person, 20)
        await mail.hit(person, 20, url_id=url_id)
        await mail.hit(person, 20)
        await mail.opt_out(person, 20)
        await mail.forward(person, 20)
        await mail.forward(person, 21)
    for person in people[2:4]:
        await mail.bounce(person, "X", 20)
    expected = {"sends": 5, "opens": 4, "unique_opens": 2, "didnotopens": 1, "clicks": 2, "forwards": 4, "optouts": 2}
    whole = (await api.get(f"{mail.tracking}/{name}")).body["tracking_activities"]
    assert expected.get(name, 2) == len(whole)
    assert whole == await everything(api, f"{mail.tracking}/{name}", {"limit": limit})


async def test_a_cursor_remembers_the_filter(api: Any, mail: Mail, people: list[ContactId]) -> None:
    for number, code in enumerate("BFBFB"):
        await mail.bounce(people[number], code, 10 + number)  # type: ignore[arg-type]
    first = await api.get(f"{mail.tracking}/bounces", params={"bounce_code": "B", "limit": "2"})
    href = first.body["_links"]["next"]["href"]
    assert href.startswith(f"{mail.tracking}/bounces?cursor=")
    second = await api.get(href)
    assert [1, {}] == [len(second.body["tracking_activities"]), second.body["_links"]]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sends?limit=0", "limit does not have a valid value"),
        ("sends?limit=501", "limit does not have a valid value"),
        ("opens?limit=ten", "limit does not have a valid value"),
        ("opens?cursor=nonsense", "cursor does not have a valid value"),
        ("clicks?url_id=first", "url_id does not have a valid value"),
        (f"clicks?url_id={2**63}", "url_id does not have a valid value"),
        ("bounces?bounce_code=b", "bounce_code does not have a valid value"),
        ("bounces?bounce_code=B,Q", "bounce_code does not have a valid value"),
        ("bounces?bounce_code=bad", "bounce_code does not have a valid value"),
    ],
)
async def test_bad_parameters_are_refused(api: Any, mail: Mail, path: str, message: str) -> None:
    answer = await api.get(f"{mail.tracking}/{path}")
    assert (400, [{"error_key": "reportingsvc.validation.error", "error_message": message}]) == (
        answer.status,
        answer.body,
    )


@pytest.mark.parametrize("name", [*(f"tracking/{name}" for name in REPORTS), "links"])
async def test_only_mails_that_are_sent_to_contacts_can_be_reported_on(api: Any, mail: Mail, name: str) -> None:
    for unknown in (new_id(), mail.permalink_id):
        answer = await api.get(f"/v3/reports/email_reports/{unknown}/{name}")
        assert (404, "reportingsvc.not_found", "The requested resource was not found.") == (
            answer.status,
            answer.error_key,
            answer.error_message,
        )
    answer = await api.get(f"/v3/reports/email_reports/not-an-id/{name}")
    assert (400, "reportingsvc.not_found", "campaign_activity_id is in an invalid format.") == (
        answer.status,
        answer.error_key,
        answer.error_message,
    )


async def test_a_removed_campaign_keeps_its_history(api: Any, mail: Mail, people: list[ContactId]) -> None:
    assert 204 == (await api.delete(f"/v3/emails/{mail.campaign_id}")).status
    assert 5 == len((await api.get(f"{mail.tracking}/sends")).body["tracking_activities"])


async def test_reports_need_scope_and_privilege(api: Any, mail: Mail) -> None:
    without_scope = await (await api.with_scopes("contact_data")).get(f"{mail.tracking}/sends")
    without_privilege = await (await api.as_role("campaign_creator")).get(f"{mail.tracking}/sends")
    assert [(403, "access_denied")] * 2 == [
        (answer.status, answer.error_key) for answer in (without_scope, without_privilege)
    ]


async def test_another_account_sees_nothing(api: Any, mail: Mail, new_account: Any, app: Any, db: Any) -> None:
    from everpost.oauth import tokens

    stranger = await new_account("stranger@elsewhere.example")
    token = await tokens.mint_for_command_line(db, stranger.email, ["campaign_data"])
    assert 404 == (await api.with_token(token).get(f"{mail.tracking}/sends")).status
