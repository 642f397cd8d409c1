"""Bulk work that outlives a request, one after the other per account, each in its ledger: imports, exports,
memberships, taggings, deletions.

Owns: activities, activity_contacts, activity_lanes
Reads: contacts, contact_lists, list_memberships, contact_tags, contact_taggings, sms_channels
"""
