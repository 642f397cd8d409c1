"""Apps ask, people grant, tokens open doors: the OAuth 2.0 authorization server.

Owns: apps, signing_keys, grants, consents, authorization_codes, refresh_tokens, revoked_tokens, device_codes.
Reads: users, account_directory.
"""
