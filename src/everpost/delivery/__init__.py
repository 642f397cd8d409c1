"""From a mailing to an inbox: what each message says, how it is signed and submitted, and who wants no more.

Owns: mailings, outbox, outbox_work.
Reads: accounts, contacts, list_memberships, custom_fields.
"""
