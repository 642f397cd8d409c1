"""The person's answer to an authorization request: whether they must be asked, and what the app gets for a yes.

Rules: what was allowed is remembered, so nobody is asked twice for the same or fewer scopes unless the app wants that;
a private app is only for people of its developer's account; this server's own reference need not ask. The implicit flow
has no refresh token, so `offline_access` is left out of what it grants.
Source: contract, auth.md §3.1, §3.3, §7, portal.md §5.3, §6.
"""

from typing import Final

from everpost.accounts import sessions, users
from everpost.oauth import apps, codes, grants, keys, scopes, tokens
from everpost.oauth.authorization_requests import Asked, Reply
from everpost.oauth.grants import Grant
from everpost.platform import clock
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db

PATH: Final = "/oauth2/default/v1/authorize"


async def is_consent_needed(conn: Conn, asked: Asked, session: Session) -> bool:
    if "consent" in asked.prompts:
        return True
    return not await grants.is_consented(conn, asked.app.client_id, session.user_id, asked.wanted)


def is_own(asked: Asked) -> bool:
    """Whether this server itself asks, for its reference: there is nobody else to let in, so no page need ask.

    It is still remembered as allowed, so that people see it among their applications and can take it back.
    """
    return asked.app.built_in == apps.REFERENCE and not asked.prompts


async def allow(db: Db, asked: Asked, session: Session) -> Reply:
    """Remember the consent and answer with a code or a token."""
    async with db.transaction() as conn:
        await grants.remember_consent(conn, asked.app.client_id, session, asked.wanted)
    return await answer(db, asked, session)


async def deny(db: Db, asked: Asked, session: Session) -> Reply:
    """The person said no."""
    async with db.transaction() as conn:
        await grants.note_refusal(conn, asked.app.client_id, session, asked.wanted)
    return asked.refusal("access_denied", "The resource owner denied the request.")


async def answer(db: Db, asked: Asked, session: Session) -> Reply:
    """A code, or in the implicit flow a token, for what was consented."""
    if asked.is_implicit:
        return await _answer_with_token(db, asked, session)
    async with db.transaction() as conn:
        grant = await _grant(conn, asked, session, asked.wanted)
        code = await codes.issue(conn, grant, asked.redirect_uri, asked.parameters.get("code_challenge"))
    return asked.reply(code=code)


async def _answer_with_token(db: Db, asked: Asked, session: Session) -> Reply:
    signing = await keys.current(db)
    wanted = [name for name in asked.wanted if name != scopes.OFFLINE]
    async with db.transaction() as conn:
        grant = await _grant(conn, asked, session, wanted)
        user = await users.get(conn, grant.user_id)
        token = tokens.mint(signing, grant, user, wanted, lifetime=tokens.IMPLICIT_LIFETIME)
        await tokens.note_issue(conn, "token.issued", grant, token)
    return asked.reply(
        access_token=token.access_token,
        token_type="Bearer",
        expires_in=str(token.expires_in),
        scope=" ".join(wanted),
    )


async def _grant(conn: Conn, asked: Asked, session: Session, wanted: list[str]) -> Grant:
    user = await users.get(conn, session.user_id)
    signed_in_at = await sessions.signed_in_at(conn, session.session_id)
    return await grants.create(
        conn, asked.app.client_id, user, wanted, auth_time=signed_in_at or clock.now(), nonce=asked.nonce
    )
