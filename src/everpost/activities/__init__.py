"""Bulk work that outlives a request: imports and list deletions, one after the other per account, each in its ledger.

Owns: activities, activity_lanes
"""
