"""What is sent, to whom and when: campaigns, their activities, schedules, previews, test sends, the history of sends.

A campaign is one message with a name. It owns a `primary_email` activity, which is edited, scheduled and sent, and a
`permalink` activity, its public web copy. `states.py` holds every status and every step between them.

A resend to those who did not open is a third activity; an A/B test splits one send into two samples and the rest.

Owns: campaigns, campaign_activities, campaign_contents, campaign_documents, campaign_runs, campaign_sequences,
      campaign_click_lists, campaign_resends, campaign_ab_tests, permalinks, web_copies, test_send_days, automations.
Reads: account_directory, accounts, account_emails, contacts, contact_lists, engagement, mailings, outbox,
       tracking_events, links, link_clicks.
"""
