"""The ledger of what happened to each message: sends, opens, clicks, opt-outs, bounces, forwards, complaints.

Knows ids only, never a contact or a campaign, so everything above may read it.

Owns: links, sends, sent_activities, tracking_batches, tracking_events, engagement, link_clicks, activity_counters.
Reads: nothing below the platform.
"""
