"""The OpenAPI document is valid, and says of each door what the door does."""

from openapi_spec_validator import validate

from everpost.platform import openapi
from everpost.platform.config import Settings
from tests.platform.test_http import boats, sails

ABOUT = openapi.About("Boats", "Boats and sails.", {"contact_data": "See boats", "campaign_data": "See sails"})


def test_the_document_is_valid_openapi(settings: Settings) -> None:
    validate(openapi.document([*boats, *sails], ABOUT))


def test_a_door_is_described_with_its_parameters_bodies_and_errors(settings: Settings) -> None:
    paths = openapi.document([*boats, *sails], ABOUT)["paths"]
    page = paths["/boats"]["get"]
    assert ["limit", "status", "with_count", "cursor"] == [each["name"] for each in page["parameters"]]
    assert {"200", "400", "401", "403", "404", "429", "500", "503"} == set(page["responses"])
    assert "Needs the privilege `contacts:write`." == paths["/boats"]["post"]["description"]
    assert "contacts:write" == paths["/boats"]["post"]["x-privilege"]
    assert ["201"] == [status for status in paths["/boats"]["post"]["responses"] if status < "300"]
