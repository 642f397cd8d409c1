"""Segment criteria: a JSON document, read into a typed tree and compiled to SQL.

    documents   the text → a tree of groups and rules (tree), or every problem with the place it stands at
    references  what the tree names, looked up when it is evaluated: custom fields, lists, tags, sent campaigns
    compiler    tree and references → formulas → SQL, in the form that the database finds cheaper

Source: contract, segments.md §3-§9.
"""
