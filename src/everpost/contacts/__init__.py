"""The people an account writes to: contacts with their consent, the lists they are on, the account's own fields.

Owns: contact_lists, contacts, list_memberships, contact_tags, contact_taggings, custom_fields,
      segments, segment_findings, sms_channels, sms_consent_history, consent_settings, consent_confirmations
Reads: accounts, sends, engagement, tracking_events
"""
