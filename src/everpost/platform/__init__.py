"""What every slice stands on: database, doors, jobs, facts, clock, pages. No word of email marketing in here.

Owns: schema_migrations, instance_secrets, request_counts, mailbox_messages.
"""
