"""From a mailing to an inbox: what each message says, how it is signed and submitted, and who wants no more.

Content: `render` makes a template of an author's HTML (`tags`, `sanitise`, `footer`, `text`), `personalise` fills it in
for each recipient, `message` puts headers around it, `dkim` signs it. Way: `mailings` are opened and filled, the
`outbox` drains them through `submission` and `smtp`; `claims` say who works on what, `outcomes` and `bounces` what came
of it.

Owns: mailings, outbox, outbox_claims, mailing_directory, test_messages.
Reads: accounts, contacts, contact_lists, list_memberships.
"""
