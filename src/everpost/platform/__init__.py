"""What every slice stands on: database, doors, jobs, facts, clock, pages. No word of email marketing in here.

Owns: schema_migrations, recurring_tasks, request_counts, outgoing_mails, mailbox_messages, and the queue: pgqueuer,
pgqueuer_log, pgqueuer_schedules, pgqueuer_statistics.
"""
