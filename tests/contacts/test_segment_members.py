"""Who is in a segment: the compiler, in both of its forms, against a plain evaluator; and its uses by others."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from everpost.contacts.criteria import compiler, documents, references
from everpost.ids import AccountId, new_id
from everpost.platform.db import Conn, Db, many
from tests.contacts import segment_oracle, segment_world
from tests.contacts.segment_documents import DOCUMENTS
from tests.contacts.segment_world import NOW, World


class Worlds:
    """Accounts and what is in them; no dataclass, because hypothesis prints its arguments."""

    def __init__(self, conn: Conn, made: list[tuple[AccountId, World]]) -> None:
        self.conn, self.made = conn, made


@pytest.fixture
async def worlds(db: Db) -> AsyncIterator[Worlds]:
    """Three accounts side by side, whose lists, tags, fields and campaigns have the same ids; one was never mailed."""
    made = [(AccountId(new_id()), segment_world.make(seed, 60)) for seed in range(3)]
    async with db.transaction() as conn:
        for account_id, world in made:
            await segment_world.store(conn, account_id, world)
    async with db.reader() as conn:
        yield Worlds(conn, made)


async def found(conn: Conn, account_id: AccountId, document: dict[str, Any]) -> tuple[list[UUID], list[UUID]]:
    """Members by both forms."""
    tree = documents.read(json.dumps(document))
    await references.check(conn, account_id, tree)
    compiled = compiler.compiled(tree, await references.look_up(conn, account_id, tree, now=NOW))
    one_by_one = await many(conn, UUID, compiled.one_by_one, account_id=account_id, **compiled.values)
    as_sets = await many(conn, UUID, compiled.as_sets, account_id=account_id, **compiled.values)
    return one_by_one, as_sets


@given(document=DOCUMENTS)
@settings(
    max_examples=250, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
async def test_both_forms_find_whom_the_contract_describes(worlds: Worlds, document: dict[str, Any]) -> None:
    for account_id, world in worlds.made:
        expected = segment_oracle.members(document, world)
        one_by_one, as_sets = await found(worlds.conn, account_id, document)
        assert expected == set(one_by_one), document
        assert expected == set(as_sets), document
        assert len(expected) == len(one_by_one) == len(as_sets), "nobody is found twice"
