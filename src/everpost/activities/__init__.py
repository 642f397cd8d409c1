"""Bulk work that outlives a request, one after the other per account, each in its ledger: imports, memberships,
taggings, deletions.

Owns: activities, activity_contacts, activity_lanes
Reads: contacts, list_memberships, contact_taggings, sends, engagement
"""
