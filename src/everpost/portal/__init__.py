"""Pages for people, and the JSON behind them: sign-up, My Applications, account settings, start page, mailbox.

Sign-in, consent and unsubscribe pages live with the slices that do that work; all share the layout in `platform`.

Owns: nothing.
Reads: contacts, campaigns.
"""
