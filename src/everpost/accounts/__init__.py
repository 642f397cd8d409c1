"""The organisation and its people: accounts, their addresses, the people who sign in, and what each may do.

Owns: accounts, account_directory, account_emails, account_email_confirmations, physical_addresses, users, sessions,
      mail_links, second_factors, throttles, audit_entries.
Reads: nothing below it.
"""
