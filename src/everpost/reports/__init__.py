"""What came of the mails: who got, opened, clicked, refused and left, by link and by campaign.

Numbers come from the counters that tracking keeps; rows come from its events, with the contacts' current names.

Owns: counted_together, counted_variants.
Reads: links, link_clicks, sends, tracking_events, engagement, activity_counters, contacts, contact_lists, outbox,
mailings, campaigns, campaign_activities, campaign_contents, campaign_ab_tests, campaign_runs, web_copies.
"""
