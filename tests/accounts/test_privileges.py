"""Roles and what they allow. Source: contract, auth.md §13, account.md §1.3, §2."""

from everpost.accounts import regions
from tests.support.fixtures import AccountApi

PRIVILEGES = "/v3/account/user/privileges"
ADDRESS = {
    "address_line1": "4 Harbor Lane", "city": "Portland", "state_code": "ME", "postal_code": "04101", "country_code": "US",
}  # fmt: skip


# account.md §1.3, for the owner; a manager lacks 11.
CATALOGUE = {
    10: "account:read", 11: "account:update", 20: "contacts:read", 21: "contacts:write", 22: "contacts:lists:read",
    23: "contacts:lists:write", 24: "contacts:signuptools:create", 30: "campaign:create", 31: "campaign:read",
    32: "campaign:write", 33: "campaign:delete", 34: "campaign:send", 35: "campaign:list", 36: "campaign:activate",
    37: "campaign:stop", 40: "ui:campaign:metrics", 50: "customer-journey:read", 51: "customer-journey:create",
    52: "customer-journey:update", 53: "customer-journey:delete", 60: "mylibrary:read", 61: "mylibrary:create",
    62: "mylibrary:update", 63: "mylibrary:delete",
}  # fmt: skip


async def test_owner_and_manager_have_the_contracts_privileges_in_the_order_of_their_ids(api: AccountApi) -> None:
    expected = [{"privilege_id": number, "privilege_name": name} for number, name in CATALOGUE.items()]
    assert expected == (await api.get(PRIVILEGES)).body
    manager = await api.as_role("account_manager")
    assert [one for one in expected if one["privilege_id"] != 11] == (await manager.get(PRIVILEGES)).body


async def test_a_creator_edits_campaigns_and_sees_lists(api: AccountApi) -> None:
    creator = await api.as_role("campaign_creator", scopes="offline_access")
    assert (await creator.get(PRIVILEGES)).body == [
        {"privilege_id": 22, "privilege_name": "contacts:lists:read"},
        {"privilege_id": 30, "privilege_name": "campaign:create"},
        {"privilege_id": 31, "privilege_name": "campaign:read"},
        {"privilege_id": 32, "privilege_name": "campaign:write"},
        {"privilege_id": 35, "privilege_name": "campaign:list"},
        {"privilege_id": 60, "privilege_name": "mylibrary:read"},
        {"privilege_id": 61, "privilege_name": "mylibrary:create"},
        {"privilege_id": 62, "privilege_name": "mylibrary:update"},
    ]


def test_a_zone_follows_from_every_place() -> None:
    assert regions.default_time_zone(None, None) == "UTC"
    assert regions.default_time_zone("US", "HI") == "US/Hawaii"
    assert regions.default_time_zone("CA", "QC") == "America/Montreal"
    assert regions.default_time_zone("AU", None) == "Australia/Sydney"
    for country in ("US", "CA", "DE", "UA", "NZ", "BR", "AQ"):
        assert regions.is_time_zone(regions.default_time_zone(country, None))
    assert regions.is_country("GB") and not regions.is_country("gb") and not regions.is_country("UK")
    assert regions.is_state("US", "AE") and regions.is_state("CA", "ON") and not regions.is_state("DE", "BY")


CALLS = (
    ("GET", "/v3/account/summary", None),
    ("PUT", "/v3/account/summary", {}),
    ("GET", "/v3/account/summary/physical_address", None),
    ("POST", "/v3/account/summary/physical_address", ADDRESS),
    ("PUT", "/v3/account/summary/physical_address", ADDRESS),
    ("GET", "/v3/account/emails", None),
    ("POST", "/v3/account/emails", {"email_address": "news@harborlane.example"}),
    ("GET", PRIVILEGES, None),
)


async def test_each_role_may_do_what_the_contract_gives_it(api: AccountApi) -> None:
    expected = {
        "account_manager": [200, 403, 200, 403, 403, 200, 403, 200],
        "campaign_creator": [403] * 7 + [200],
    }
    answers = [await api.request(method, path, json=body) for method, path, body in CALLS]
    assert [200, 200, 200, 409, 200, 200, 201, 200] == [each.status for each in answers]
    for role, statuses in expected.items():
        colleague = await api.as_role(role)
        answers = [await colleague.request(method, path, json=body) for method, path, body in CALLS]
        assert statuses == [each.status for each in answers], role
        refused = {each.text for each in answers if each.status == 403}
        assert {
            '{"error_key":"access_denied","error_message":"Request forbidden due to insufficient user privileges."}'
        } == refused


async def test_without_a_scope_only_the_privileges_are_told(api: AccountApi) -> None:
    bare = await api.with_scopes("offline_access")
    answers = [await bare.request(method, path, json=body) for method, path, body in CALLS]
    assert [403] * 7 + [200] == [each.status for each in answers]
    assert {dict} == {type(each.body) for each in answers[:7]}, "an object, not an array"
