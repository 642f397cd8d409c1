"""The code from a phone that a person may ask to be asked for besides the password.

Rules: time-based codes of six digits, half a minute each, one step early or late is taken; a code works once. Ten
recovery codes replace a lost phone, each once. The secret is sealed, the recovery codes are kept as keyed hashes.
Source: contract, auth.md §3.2; RFC 6238 §5.2.
"""

import hmac
import secrets
from typing import Final

import msgspec
import segno
from pyotp import random_base32
from pyotp.totp import TOTP

from everpost.accounts import audit
from everpost.ids import UserId
from everpost.platform import clock, crypto
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Conflict, Invalid

RECOVERY_CODES: Final = 10

_STEP_SECONDS: Final = 30
_DRIFT: Final = (-1, 0, 1)
_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is mistaken for another
_SECRET_PURPOSE: Final = "second-factor"
_RECOVERY_PURPOSE: Final = "recovery-code"


class WrongCode(Invalid):
    """code is not the one that the app shows now."""


class AlreadyOn(Conflict):
    """The second factor is already on."""


class _Factor(msgspec.Struct, frozen=True):
    sealed_secret: bytes
    is_on: bool
    last_step: int
    recovery_hashes: list[bytes]


async def is_on(conn: Conn, user_id: UserId) -> bool:
    found = await _find(conn, user_id)
    return found is not None and found.is_on


async def begin(conn: Conn, user_id: UserId) -> str:
    """The secret that an authenticator app is told, until `turn_on` proves that one knows it. Raises: AlreadyOn."""
    found = await _lock(conn, user_id)
    if found is not None and found.is_on:
        raise AlreadyOn
    if found is not None:
        return crypto.unseal(_SECRET_PURPOSE, found.sealed_secret).decode()
    secret = random_base32()
    await _insert(conn, user_id, crypto.seal(_SECRET_PURPOSE, secret.encode()))
    return secret


async def turn_on(conn: Conn, user_id: UserId, code: str) -> list[str]:
    """Returns the recovery codes, in clear this once. Raises: WrongCode, AlreadyOn."""
    found = await _lock(conn, user_id)
    if found is not None and found.is_on:
        raise AlreadyOn
    step = None if found is None else _step_of(found, code)
    if step is None:
        raise WrongCode
    codes = ["-".join(_letters(5) for _ in range(2)) for _ in range(RECOVERY_CODES)]
    await run(
        conn,
        """
        UPDATE second_factors SET confirmed_at = :now, last_step = :step, recovery_hashes = :hashes
         WHERE user_id = :user_id""",
        user_id=user_id,
        step=step,
        hashes=[_recovery_hash(user_id, each) for each in codes],
        now=clock.now(),
    )
    await audit.append(conn, "second_factor.turned_on", user_id=user_id)
    return codes


async def accept(conn: Conn, user_id: UserId, code: str) -> bool:
    """Whether this is a code of now or a recovery code, not used before; from now on it is used."""
    found = await _lock(conn, user_id)
    if found is None or not found.is_on:
        return False
    step = _step_of(found, code)
    if step is not None:
        await run(
            conn, "UPDATE second_factors SET last_step = :step WHERE user_id = :user_id", user_id=user_id, step=step
        )
        return True
    return await _use_recovery_code(conn, user_id, found, code)


async def turn_off(conn: Conn, user_id: UserId) -> None:
    """The password alone signs in again; the secret is forgotten."""
    if await run(conn, "DELETE FROM second_factors WHERE user_id = :user_id", user_id=user_id):
        await audit.append(conn, "second_factor.turned_off", user_id=user_id)


async def recovery_codes_left(conn: Conn, user_id: UserId) -> int:
    found = await _find(conn, user_id)
    return 0 if found is None else len(found.recovery_hashes)


def _address(secret: str, email: str) -> str:
    """What the picture says: the address by which authenticator apps take over a secret."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name="everpost")


def picture(secret: str, email: str) -> str:
    """A QR code as a data URI."""
    return segno.make(_address(secret, email), error="m").svg_data_uri(scale=4, border=2)


def _step_of(factor: _Factor, code: str) -> int | None:
    """The half minute that a code belongs to, if it is near and later than the last one used."""
    totp = TOTP(crypto.unseal(_SECRET_PURPOSE, factor.sealed_secret).decode())
    given = "".join(code.split()).encode()
    now = int(clock.now().timestamp()) // _STEP_SECONDS
    matching = [now + drift for drift in _DRIFT if hmac.compare_digest(totp.generate_otp(now + drift).encode(), given)]
    return next((step for step in matching if step > factor.last_step), None)


async def _use_recovery_code(conn: Conn, user_id: UserId, factor: _Factor, code: str) -> bool:
    given = _recovery_hash(user_id, code)
    left = [each for each in factor.recovery_hashes if not hmac.compare_digest(each, given)]
    if len(left) == len(factor.recovery_hashes):
        return False
    await run(
        conn,
        "UPDATE second_factors SET recovery_hashes = :left WHERE user_id = :user_id",
        user_id=user_id,
        left=left,
    )
    await audit.append(conn, "second_factor.recovery_code_used", user_id=user_id)
    return True


def _recovery_hash(user_id: UserId, code: str) -> bytes:
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return crypto.mac(_RECOVERY_PURPOSE, user_id.bytes + plain.encode())


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


async def _find(conn: Conn, user_id: UserId) -> _Factor | None:
    return await one(
        conn,
        _Factor,
        """
        SELECT sealed_secret, confirmed_at IS NOT NULL AS is_on, last_step, recovery_hashes
          FROM second_factors WHERE user_id = :user_id""",
        user_id=user_id,
    )


async def _lock(conn: Conn, user_id: UserId) -> _Factor | None:
    """Two uses of one code at once: the second sees what the first left."""
    await run(conn, "SELECT user_id FROM second_factors WHERE user_id = :user_id FOR UPDATE", user_id=user_id)
    return await _find(conn, user_id)


async def _insert(conn: Conn, user_id: UserId, sealed: bytes) -> None:
    await run(
        conn,
        """
        INSERT INTO second_factors (user_id, sealed_secret, last_step, recovery_hashes)
        VALUES (:user_id, :sealed, 0, '{}')""",
        user_id=user_id,
        sealed=sealed,
    )
