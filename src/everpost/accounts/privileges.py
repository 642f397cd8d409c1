"""What a role allows. Doors check privileges, never roles; a role is a named set of privileges.

Rules: the ids are fixed for ever (clients match on names); managers have everything but `account:update`; campaign
creators edit campaigns and see lists, and neither send nor read contacts.
Source: contract, auth.md §13, account.md §1.3.
"""

from typing import Final, Literal, TypeAlias

import msgspec

Role: TypeAlias = Literal["account_owner", "account_manager", "campaign_creator"]


class Privilege(msgspec.Struct, frozen=True):
    """One thing a person may do."""

    privilege_id: int
    privilege_name: str


_CREATOR: Final = (
    (22, "contacts:lists:read"),
    (30, "campaign:create"),
    (31, "campaign:read"),
    (32, "campaign:write"),
    (35, "campaign:list"),
    (60, "mylibrary:read"),
    (61, "mylibrary:create"),
    (62, "mylibrary:update"),
)

_MANAGER: Final = (
    *_CREATOR,
    (10, "account:read"),
    (20, "contacts:read"),
    (21, "contacts:write"),
    (23, "contacts:lists:write"),
    (24, "contacts:signuptools:create"),
    (33, "campaign:delete"),
    (34, "campaign:send"),
    (36, "campaign:activate"),
    (37, "campaign:stop"),
    (40, "ui:campaign:metrics"),
    (50, "customer-journey:read"),
    (51, "customer-journey:create"),
    (52, "customer-journey:update"),
    (53, "customer-journey:delete"),
    (63, "mylibrary:delete"),
)

_OWNER: Final = (*_MANAGER, (11, "account:update"))


def _sorted(pairs: tuple[tuple[int, str], ...]) -> tuple[Privilege, ...]:
    return tuple(Privilege(privilege_id, name) for privilege_id, name in sorted(pairs))


CATALOGUE: Final[tuple[Privilege, ...]] = _sorted(_OWNER)

_BY_ROLE: Final[dict[str, tuple[Privilege, ...]]] = {
    "account_owner": CATALOGUE,
    "account_manager": _sorted(_MANAGER),
    "campaign_creator": _sorted(_CREATOR),
}
_NAMES: Final = {role: frozenset(one.privilege_name for one in held) for role, held in _BY_ROLE.items()}


def of_role(role: str) -> frozenset[str]:
    """The names of the privileges that a role has."""
    return _NAMES[role]


def listed(names: frozenset[str]) -> list[Privilege]:
    """Privileges with their ids, ascending."""
    return [one for one in CATALOGUE if one.privilege_name in names]
