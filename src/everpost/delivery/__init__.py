"""From a mailing to an inbox: what each message says, how it is signed and submitted, and who wants no more.

Content: `render` makes a template of an author's HTML (`tags`, `sanitise`, `footer`, `text`), `personalise` fills it in
for each recipient, `message` puts headers around it, `dkim` signs it: `signing` says with
whose key, those of `sending_domains` first, which `dns_checks` looks for in the DNS. Way: `mailings` are opened, their
`recipients` added, the `outbox` drains them through `submission` and `smtp`; `claims` say who works on what, `outcomes`
and `bounces` what came of it, `holds` who is left in peace. `shifts` are the work itself, over the relay that
`failover` finds; `throttles`, `slots` and `warm_ups` hold it back, `interruptions` stop it, `traces` tell what
became of one recipient.

Owns: mailings, outbox, outbox_claims, mailing_directory, test_messages, sending_domains, dkim_keys,
      address_holds, complaint_suppressions, mail_settings, forwardable_contents,
      send_budgets, send_slots, slowdowns, send_permissions, warm_ups.
Reads: accounts, contacts, contact_lists, list_memberships, sends, activity_counters, tracking_events.
"""
