"""From a mailing to an inbox: what each message says, how it is signed and submitted, and who wants no more.

Content: `render` makes a template of an author's HTML (`tags`, `sanitise`, `footer`, `text`), `personalise` fills it in
for each recipient, `message` puts headers around it, `dkim` signs it: `signing` says with
whose key, those of `sending_domains` first, which `dns_checks` looks for in the DNS. Way: `mailings` are opened, their
`recipients` added, the `outbox` drains them through `submission` and `smtp`; `claims` say who works on what, `outcomes`
and `bounces` what came of it, `holds` who is left in peace.

Owns: mailings, outbox, outbox_claims, mailing_directory, test_messages, sending_domains, dkim_keys,
      address_holds, complaint_suppressions.
Reads: accounts, contacts, contact_lists, list_memberships.
"""
