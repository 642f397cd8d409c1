"""Numbers for text messages: what goes in, what comes out, who is found by them, and the history of the consent.

Source: contract, contacts.md §3.8, §5.1, §5.6, §5.9, §7.2.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.contacts import sms_numbers
from everpost.contacts.sms_numbers import Number
from tests.contacts import people
from tests.support.api import Api, Reply
from tests.support.fixtures import Account

NUMBER = "14155550134"
TAKEN = "Validation failed: SMS address already exists for contact "


def channel(number: str = NUMBER, permission: str = "explicit") -> dict[str, Any]:
    consent = {"sms_consent_permission": permission, "consent_type": "promotional_sms"}
    return {"full_sms_address": number, "sms_channel_consents": [consent]}


def form_channel(address: str = "4155550134", permission: str = "explicit", **consent: Any) -> dict[str, Any]:
    return {
        "sms_address": address,
        "dial_code": "1",
        "country_code": "US",
        "sms_channel_consents": [
            {
                "sms_consent_permission": permission,
                "consent_type": "promotional_sms",
                "consent_medium_type": "LF",
                "consent_medium_url": "https://fernwick.example/join",
                "consent_medium_details": "Yes, text me",
                **consent,
            }
        ],
    }


async def sign_up(api: Api, account: Account, **members: Any) -> Reply:
    return await api.post("/v3/contacts/sign_up_form", {"list_memberships": [str(account.list_id)], **members})


async def history(api: Api, contact_id: str) -> list[dict[str, Any]]:
    answer = await api.get(f"/v3/contacts/sms_engagement_history/{contact_id}")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.body
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14155550134", Number("1", "4155550134", "US")),
        ("+1 (415) 555-0134", Number("1", "4155550134", "US")),
        ("1.415.555.0134", Number("1", "4155550134", "US")),
        ("442079460123", Number("44", "2079460123", "GB")),
        ("353 20 123 4567", Number("353", "201234567", "IE")),
        ("79161234567", Number("7", "9161234567", "RU")),
        ("4155550134", Number("41", "55550134", "CH")),
        ("1415555013", None),
        ("141555501344", None),
        ("04155550134", None),
        ("1234567", None),
        ("1234567890123456", None),
        ("800123456789", None),
        ("four one five", None),
        ("４４2079460123", None),
    ],
)
def test_a_number_is_taken_apart(text: str, expected: Number | None) -> None:
    assert expected == sms_numbers.split(text)


async def test_a_channel_comes_out_with_its_consent(api: Api, clock: Any) -> None:
    made = await people.make(api, sms_channel=channel("+1 (415) 555-0134"))

    stamp = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {
        "sms_channel_id": made["sms_channel"]["sms_channel_id"],
        "sms_address": "4155550134",
        "dial_code": "1",
        "country_code": "US",
        "create_source": "Account",
        "sms_channel_consents": [
            {
                "sms_consent_permission": "explicit",
                "consent_type": "promotional_sms",
                "opt_in_date": stamp,
                "created_at": stamp,
                "updated_at": stamp,
            }
        ],
    } == made["sms_channel"]
    assert made["sms_channel"] == (await people.get(api, made, "sms_channel"))["sms_channel"]
    assert "sms_channel" not in await people.get(api, made)
    assert [made["sms_channel"]] == [
        each["sms_channel"]
        for each in (await api.get("/v3/contacts", {"include": "sms_channel"})).body["contacts"]
        if "sms_channel" in each
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "sms_channel[full_sms_address] is missing, sms_channel[sms_channel_consents] is missing"),
        ({**channel(), "full_sms_address": ""}, "sms_channel[full_sms_address] is empty"),
        (channel("555"), "sms_channel[full_sms_address] is invalid"),
        ({**channel(), "sms_channel_consents": []}, "sms_channel[sms_channel_consents] is empty"),
        (
            {**channel(), "sms_channel_consents": [{"sms_consent_permission": "explicit"}]},
            (
                "sms_channel[sms_channel_consents][0][consent_type] is missing, "
                "sms_channel[sms_channel_consents][0][consent_type] does not have a valid value"
            ),
        ),
        (
            channel(permission="implicit"),
            "sms_channel[sms_channel_consents][0][sms_consent_permission] does not have a valid value",
        ),
        ("14155550134", "sms_channel is invalid"),
    ],
)
async def test_a_channel_that_is_none_is_refused(api: Api, given: Any, message: str) -> None:
    answer = await api.post("/v3/contacts", {"create_source": "Account", "sms_channel": given})

    assert (400, [{"error_key": people.VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_a_number_belongs_to_one_contact(api: Api, account: Account) -> None:
    owner = await people.make(api, sms_channel=channel())
    other = await people.make(api, "other@example.com")
    await api.delete(f"/v3/contacts/{owner['contact_id']}")

    answers = [
        await api.post("/v3/contacts", {"create_source": "Account", "first_name": "A", "sms_channel": channel()}),
        await people.put(api, other, sms_channel=channel()),
        await sign_up(api, account, email_address="other@example.com", sms_channel=form_channel()),
        await sign_up(api, account, email_address="third@example.com", sms_channel=form_channel()),
    ]

    expected = [{"error_key": "contacts.api.conflict", "error_message": TAKEN + owner["contact_id"]}]
    assert [(409, expected)] * 4 == [(answer.status, answer.body) for answer in answers]
    found = (await api.get("/v3/contacts", {"status": "all", "include_count": "true"})).body
    assert 3 == found["contacts_count"], "the owner of the account, the two, and nobody else"


async def test_put_keeps_changes_and_replaces_the_channel(api: Api, clock: Any) -> None:
    made = await people.make(api, sms_channel=channel())
    first = made["sms_channel"]
    clock.move(timedelta(hours=1))
    hour = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    await people.put(api, made, first_name="A")
    await people.put(api, made, first_name="A", sms_channel=None)
    kept = (await people.get(api, made, "sms_channel"))["sms_channel"]
    out = (await people.put(api, made, update_source="Contact", sms_channel=channel(permission="unsubscribed"))).body
    moved = (await people.put(api, made, sms_channel=channel("442079460123", "not_set"))).body

    assert first == kept
    (consent,) = out["sms_channel"]["sms_channel_consents"]
    assert {
        **first["sms_channel_consents"][0],
        "sms_consent_permission": "unsubscribed",
        "opt_out_date": hour,
        "updated_at": hour,
    } == consent
    assert (first["sms_channel_id"], "Contact") == (
        out["sms_channel"]["sms_channel_id"],
        out["sms_channel"]["update_source"],
    )
    assert first["sms_channel_id"] != moved["sms_channel"]["sms_channel_id"]
    assert ("44", "2079460123", "GB") == tuple(
        moved["sms_channel"][name] for name in ("dial_code", "sms_address", "country_code")
    )
    assert 201 == (await api.post("/v3/contacts", {"create_source": "Account", "sms_channel": channel()})).status


async def test_every_change_of_the_consent_is_history(api: Api, account: Account, clock: Any) -> None:
    made = await people.make(api, sms_channel=channel())
    contact_id = made["contact_id"]
    await people.put(api, made, sms_channel=channel())
    for hours, source, permission in ((1, "Contact", "unsubscribed"), (2, "Account", "pending_confirmation")):
        clock.move(timedelta(hours=hours))
        await people.put(api, made, update_source=source, sms_channel=channel(permission=permission))
    clock.move(timedelta(hours=1))
    await sign_up(
        api, account, email_address="tobin@fernwick.example",
        sms_channel=form_channel(advertised_frequency=4, advertised_interval="weekly"),
    )  # fmt: skip

    found = await history(api, contact_id)

    latest = found[0]
    assert {
        "contact_id": contact_id,
        "sms_channel_id": made["sms_channel"]["sms_channel_id"],
        "sms_channel_history_id": latest["sms_channel_history_id"],
        "insert_time": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "history_details": {
            "state": "E",
            "source": "C",
            "consent_type": "promotional_sms",
            "consent_action_time": clock.now().strftime("%Y-%m-%d %H:%M:%S+0000"),
            "consent_action_type": "opt_in",
            "consent_medium_type": "LF",
            "source_sms_number": NUMBER,
            "advertised_frequency": 4,
            "advertised_interval": "W",
        },
    } == latest
    codes = ("state", "source", "consent_action_type", "consent_medium_type")
    assert [("P", "A", "pending", "SY"), ("O", "C", "opt_out", "SY"), ("E", "A", "opt_in", "SY")] == [
        tuple(row["history_details"][code] for code in codes) for row in found[1:]
    ]
    (consent,) = (await people.get(api, made, "sms_channel"))["sms_channel"]["sms_channel_consents"]
    assert ("4", "W") == (consent["advertised_frequency"], consent["advertised_interval"])


async def test_whose_history_there_is(api: Api) -> None:
    made = await people.make(api)
    await api.delete(f"/v3/contacts/{made['contact_id']}")
    path = "/v3/contacts/sms_engagement_history"

    assert [] == await history(api, made["contact_id"])
    assert 404 == (await api.get(f"{path}/{uuid4()}")).status
    malformed = await api.get(f"{path}/42")
    assert (400, "contact_id is in an invalid format.") == (malformed.status, malformed.error_message)


async def test_who_can_only_be_texted_counts_as_active_and_has_no_address(api: Api, account: Account) -> None:
    lists = [str(account.list_id)]
    made = await people.make(api, email_address=None, sms_channel=channel(), list_memberships=lists)
    await people.make(
        api, email_address=None, sms_channel=channel("442079460123", "unsubscribed"), list_memberships=lists
    )
    await people.make(api, sms_channel=channel("442079460124", "not_set"), list_memberships=lists)

    async def found(**params: str) -> list[str]:
        contacts = (await api.get("/v3/contacts", {"include": "sms_channel", **params})).body["contacts"]
        return [each["sms_channel"]["sms_address"] for each in contacts if "sms_channel" in each]

    assert "email_address" not in made
    assert ["4155550134", "2079460124"] == await found(status="active")
    assert ["4155550134"] == await found(sms_status="explicit")
    assert ["4155550134", "2079460123"] == await found(sms_status="explicit,UNSUBSCRIBED")
    assert ["2079460124"] == await found(sms_status="not_set")
    assert 3 == len(await found(sms_status="all,explicit"))
    everybody = (await api.get("/v3/contacts", {"sms_status": "not_set"})).body["contacts"]
    assert 2 == len(everybody), "without a channel nothing is set"

    async def counted(**params: str) -> tuple[int | None, int | None]:
        (only,) = (await api.get("/v3/contact_lists", params)).body["lists"]
        return only.get("membership_count"), only.get("sms_membership_count")

    assert (4, None) == await counted(include_membership_count="all", include_sms_membership_count="true")
    assert (3, None) == await counted(include_membership_count="active")
    assert (3, 1) == await counted(
        channel_type="sms", include_membership_count="all", include_sms_membership_count="true"
    )
    assert (1, None) == await counted(channel_type="sms", include_membership_count="active")


async def test_put_may_leave_nothing_but_the_number(api: Api) -> None:
    made = await people.make(api, email_address=None, first_name="A", sms_channel=channel())
    nameless = await people.make(api, email_address=None, first_name="B")

    assert 200 == (await people.put(api, made)).status
    assert 400 == (await people.put(api, nameless)).status
    assert 200 == (await people.put(api, nameless, sms_channel=channel("442079460123"))).status


async def test_a_form_with_a_number_alone_finds_its_contact(api: Api, account: Account) -> None:
    created = await sign_up(api, account, sms_channel=form_channel(permission="pending_confirmation"))
    updated = await sign_up(api, account, sms_channel=form_channel("(415) 555-0134"), first_name="Jody")
    with_address = await sign_up(
        api, account, sms_channel=form_channel(), email_address="jody@example.com", last_name="Baker"
    )

    assert [(201, "created"), (200, "updated"), (200, "updated")] == [
        (answer.status, answer.body["action"]) for answer in (created, updated, with_address)
    ]
    assert 1 == len({answer.body["contact_id"] for answer in (created, updated, with_address)})
    found = await people.get(api, created.body, "sms_channel", "list_memberships")
    assert ("Jody", "Baker", "explicit", "Contact", "jody@example.com", [str(account.list_id)]) == (
        found["first_name"],
        found["last_name"],
        found["sms_channel"]["sms_channel_consents"][0]["sms_consent_permission"],
        found["sms_channel"]["create_source"],
        found["email_address"]["address"],
        found["list_memberships"],
    )


async def test_a_number_alone_does_not_speak_for_the_address(api: Api, account: Account) -> None:
    made = await people.make(api, sms_channel=channel())

    answer = await sign_up(api, account, sms_channel=form_channel())

    assert (200, made["contact_id"]) == (answer.status, answer.body["contact_id"])
    assert made["email_address"] == (await people.get(api, made))["email_address"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"sms_address": "4155550134"},
            (
                "sms_channel[dial_code] is missing, sms_channel[country_code] is missing, "
                "sms_channel[sms_channel_consents] is missing"
            ),
        ),
        ({**form_channel(), "dial_code": "x"}, "sms_channel[sms_address] is invalid"),
        ({**form_channel(), "country_code": "USA"}, "sms_channel[sms_address] is invalid"),
        (
            form_channel(advertised_interval="hourly"),
            "sms_channel[sms_channel_consents][0][advertised_interval] does not have a valid value",
        ),
        (
            form_channel(advertised_frequency=-1),
            "sms_channel[sms_channel_consents][0][advertised_frequency] does not have a valid value",
        ),
    ],
)
async def test_a_form_with_a_number_that_is_none_is_refused(
    api: Api, account: Account, given: dict[str, Any], message: str
) -> None:
    answer = await sign_up(api, account, sms_channel=given)

    assert (400, [{"error_key": people.VALIDATION, "error_message": message}]) == (answer.status, answer.body)


async def test_a_number_signed_up_many_times_at_once_makes_one_contact(api: Api, account: Account) -> None:
    answers = await asyncio.gather(*(sign_up(api, account, sms_channel=form_channel()) for _ in range(6)))

    assert [200] * 5 + [201] == sorted(answer.status for answer in answers)
    (contact_id,) = {answer.body["contact_id"] for answer in answers}
    assert 1 == len(await history(api, contact_id))
