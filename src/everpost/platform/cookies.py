"""Our cookies: how they are named and what their Set-Cookie header says.

Rules: HttpOnly, SameSite=Lax, for the whole origin. Behind https they are Secure and bear the prefix `__Host-`, with
which browsers keep other hosts of the same domain from setting them. Source: RFC 6265bis §4.1.3.2.
"""

from everpost.platform import config


def is_secure() -> bool:
    """Whether people reach our pages by https."""
    return config.current().auth_origin.startswith("https://")


def name(plain: str) -> str:
    return f"__Host-{plain}" if is_secure() else plain


def header(plain: str, value: str, *, max_age_seconds: int | None = None) -> str:
    """The Set-Cookie value; without an age the browser forgets the cookie when it closes."""
    age = "" if max_age_seconds is None else f"; Max-Age={max_age_seconds}"
    secure = "; Secure" if is_secure() else ""
    return f"{name(plain)}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}"
