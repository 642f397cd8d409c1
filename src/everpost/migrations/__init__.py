"""How the schema came to be: numbered files, forward only. Where it is now: every slice's tables.sql."""
