"""What the campaign doors answer, read by the models of the official client. Source: contract, clients.md."""

from typing import Any

import constant_contact_api_client.models as models
import pytest
from pydantic import TypeAdapter

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def test_every_answer_is_what_the_official_client_expects(
    api: Any, list_id: str, new_campaign: Any, new_contact: Any, work: Any
) -> None:
    await new_contact("ann@example.com")
    own = {"organization_name": "Annex", "address_line1": "1 Quay", "state_code": "ME", "country_code": "US"}
    campaign = await new_campaign(lists=[list_id], preheader="Soon", physical_address_in_footer=own)
    assert (await api.post(campaign.schedules, {"scheduled_date": "1970-01-01T00:00:00+00:00"})).body == []
    await work()
    dated = await api.post(campaign.schedules, {"scheduled_date": "2030-01-01T00:00:00+00:00"})
    everything = {"include": "html_content,permalink_url,physical_address_in_footer"}
    answers = {
        models.CreateEmailCampaign200Response: await api.get(campaign.path),
        models.GetAllEmailCampaigns200Response: await api.get("/v3/emails", {"limit": 1}),
        models.GetEmailCampaignActivity200Response: await api.get(campaign.activity, everything),
        models.GetEmailCampaignXrefs200Response: await api.get(
            "/v3/emails/campaign_id_xrefs", {"v2_email_campaign_ids": "1"}
        ),
        models.GetEmailCampaignActivityPreview200Response: await api.get(f"{campaign.activity}/previews"),
    }
    for model, answer in answers.items():
        assert answer.status == 200
        assert model.from_dict(answer.body) is not None
    rows = {
        models.GetEmailCampaignActivitySchedule200ResponseInner: dated,
        models.GetEmailCampaignActivitySendHistory200ResponseInner: await api.get(f"{campaign.activity}/send_history"),
    }
    for model, answer in rows.items():
        TypeAdapter(list[model]).validate_python(answer.body)  # type: ignore[valid-type]
