"""Pages for people who run or try this instance: the start page and the built-in mailbox.

Sign-in, consent and unsubscribe pages live with the slices that do that work; all share the layout in `platform`.

Owns: nothing.
Reads: nothing.
"""
