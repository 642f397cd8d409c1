"""Consent through the door, step by step at random, beside a model that knows the contract's tables by heart.

Source: contract, contacts.md §4.3, §4.4, §5.5, §5.6.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from anyio import from_thread, to_thread
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from everpost.contacts import consent_settings, opt_outs
from everpost.ids import ContactId
from everpost.platform.db import Db
from tests.support.api import Api
from tests.support.fixtures import Account

PERMISSIONS: Final = ("explicit", "implicit", "not_set", "pending_confirmation", "temp_hold", "unsubscribed")
SOURCES: Final = ("Account", "Contact")


@dataclass(frozen=True)
class Model:
    """What the tables say of one address."""

    permission: str
    opt_in: tuple[str | None, str | None] = (None, None)
    opt_out: tuple[str | None, str | None] = (None, None)
    status: str = "off"
    is_deleted: bool = False
    is_listed: bool = False

    def enter(self, permission: str, source: str, now: str, *, coi: bool) -> "Model":
        """Table §4.3, derived properties."""
        match permission:
            case "explicit" | "implicit":
                status = self.status if coi else "off"
                return replace(self, permission=permission, opt_in=(source, now), opt_out=(None, None), status=status)
            case "pending_confirmation":
                return replace(
                    self, permission=permission, opt_in=(source, None), opt_out=(None, None), status="pending"
                )
            case "not_set":
                return replace(self, permission=permission, opt_in=(None, None), opt_out=(None, None))
            case "temp_hold":
                return replace(self, permission=permission, opt_out=(None, None))
            case _:
                return replace(self, permission=permission, opt_out=(source, now), is_listed=False)


def put(model: Model, wanted: str | None, source: str, now: str, *, coi: bool) -> Model | None:
    """Table §4.4; None when it is refused."""
    if model.is_deleted:
        if source == "Contact":
            return None
        opt_out = model.opt_out if model.permission == "unsubscribed" else (None, None)
        model = replace(model, is_deleted=False, opt_out=opt_out)
    if wanted is None or wanted == model.permission:
        return model
    if wanted in ("explicit", "implicit"):
        if model.permission == "explicit":
            return None
        if model.permission == "unsubscribed" and model.opt_out[0] != "Account" and source == "Account":
            return None
        if model.permission == "pending_confirmation" and coi and source == "Account":
            return None
        if model.permission == "unsubscribed" and coi and source == "Contact":
            wanted = "pending_confirmation"
    return model.enter(wanted, source, now, coi=coi)


class ConsentMachine(RuleBasedStateMachine):
    """Every step there is, in any order. Runs in a thread of its own and calls the application in the event loop."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self.world = world

    @initialize(asked=st.sampled_from([None, *PERMISSIONS]), source=st.sampled_from(SOURCES), coi=st.booleans())
    def create(self, asked: str | None, source: str, coi: bool) -> None:
        self._do(self.world.begin, asked, source, coi)

    @rule(wanted=st.sampled_from([None, *PERMISSIONS]), source=st.sampled_from(SOURCES))
    def put(self, wanted: str | None, source: str) -> None:
        self._do(self.world.put, wanted, source)

    @rule()
    def sign_up(self) -> None:
        self._do(self.world.form)

    @rule()
    def delete(self) -> None:
        self._do(self.world.delete)

    @rule(source=st.sampled_from(["Contact", "Account", "System"]))
    def opt_out(self, source: str) -> None:
        self._do(self.world.leave, source)

    @rule()
    def switch_confirmed_opt_in(self) -> None:
        self._do(self.world.switch)

    @invariant()
    def is_what_the_tables_say(self) -> None:
        if self.world.contact_id:
            from_thread.run(self.world.compare)

    def _do(self, step: Any, *arguments: Any) -> None:
        self.world.clock.move(timedelta(seconds=1))
        from_thread.run(step, *arguments)


async def test_consent_goes_where_the_tables_say(api: Api, db: Db, account: Account, clock: Any) -> None:
    class Machine(ConsentMachine):
        def __init__(self) -> None:
            super().__init__(World(api, db, account, clock))

    few = settings(max_examples=30, stateful_step_count=12)
    await to_thread.run_sync(lambda: run_state_machine_as_test(Machine, settings=few))


class World:
    """One contact, as the program has it and as the model has it."""

    def __init__(self, api: Api, db: Db, account: Account, clock: Any) -> None:
        self.api, self.db, self.account, self.clock = api, db, account, clock
        self.address = f"{uuid4().hex}@example.com"
        self.coi = False
        self.model = Model("")
        self.contact_id = ""

    @property
    def now(self) -> str:
        text: str = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return text

    async def switch(self, is_on: bool | None = None) -> None:
        self.coi = not self.coi if is_on is None else is_on
        async with self.db.transaction() as conn:
            await consent_settings.set_opt_in_confirmed(conn, self.account.account_id, is_on=self.coi)

    async def begin(self, asked: str | None, source: str, coi: bool) -> None:
        await self.switch(coi)
        address = {"address": self.address, **({"permission_to_send": asked} if asked else {})}
        answer = await self.api.post("/v3/contacts", {"create_source": source, "email_address": address})
        assert answer.status == 201, answer
        self.contact_id = answer.body["contact_id"]
        permission = asked or ("implicit" if source == "Account" else "explicit")
        if self.coi and source == "Contact" and permission != "unsubscribed":
            permission = "pending_confirmation"
        self.model = Model("").enter(permission, source, self.now, coi=self.coi)

    async def put(self, wanted: str | None, source: str) -> None:
        address = {"address": self.address, **({"permission_to_send": wanted} if wanted else {})}
        body = {"update_source": source, "email_address": address}
        answer = await self.api.put(f"/v3/contacts/{self.contact_id}", body)
        expected = put(self.model, wanted, source, self.now, coi=self.coi)
        assert (400 if expected is None else 200) == answer.status, (answer, self.model, wanted, source)
        self.model = expected or self.model

    async def form(self) -> None:
        body = {"email_address": self.address, "list_memberships": [str(self.account.list_id)]}
        answer = await self.api.post("/v3/contacts/sign_up_form", body)
        assert (200, "updated") == (answer.status, answer.body["action"])
        model = replace(self.model, is_deleted=False, is_listed=True)
        if model.permission != "unsubscribed":
            model = replace(model, opt_out=(None, None))
        if model.permission != "explicit":
            model = model.enter("explicit", "Contact", self.now, coi=self.coi)
        self.model = model

    async def delete(self) -> None:
        answer = await self.api.delete(f"/v3/contacts/{self.contact_id}")
        assert (404 if self.model.is_deleted else 204) == answer.status
        if not self.model.is_deleted:
            opt_out = self.model.opt_out if self.model.opt_out[1] else ("Account", self.now)
            self.model = replace(self.model, is_deleted=True, is_listed=False, opt_out=opt_out)

    async def leave(self, source: Any) -> None:
        async with self.db.transaction() as conn:
            contact_id = ContactId(self.contact_id)  # type: ignore[arg-type]
            await opt_outs.opt_out(conn, self.account.account_id, contact_id, source=source)
        if self.model.permission != "unsubscribed":
            self.model = replace(self.model, permission="unsubscribed", opt_out=(source, self.now), is_listed=False)

    async def compare(self) -> None:
        found = (await self.api.get(f"/v3/contacts/{self.contact_id}", {"include": "list_memberships"})).body
        email = found["email_address"]
        shown = Model(
            email["permission_to_send"],
            (email.get("opt_in_source"), email.get("opt_in_date")),
            (email.get("opt_out_source"), email.get("opt_out_date")),
            email["confirm_status"],
            "deleted_at" in found,
            bool(found["list_memberships"]),
        )
        assert self.model == shown
        is_active = not shown.is_deleted and shown.permission in ("explicit", "implicit")
        active = (await self.api.get("/v3/contacts", {"status": "active", "email": self.address})).body["contacts"]
        assert is_active == bool(active)
