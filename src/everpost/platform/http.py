"""The web process's heart: from a request to the door it means, and back with the right answer.

Order of checks (contract, conventions.md §4): token 401 → application and account 403 → rate limit 429 → route
404/405 → scope 403 → privilege 403 → media types 406/415 → body and path ids 400 → existence 404 → the rest of the
body 400 → the action. The transaction commits before the answer goes out; a commit that fails is a 500.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request

from everpost.platform import (
    bodies,
    config,
    cookies,
    db,
    errors,
    gate,
    logs,
    metrics,
    pages,
    paging,
    rate_limits,
    responses,
    validation,
)  # fmt: skip
from everpost.platform.caller import Caller, Session
from everpost.platform.db import Db
from everpost.platform.doors import (
    Answer,
    Door,
    Doors,
    OpenDoors,
    Pages,
    SessionDoors,
    Stream,
    read_path_value,
    redirect,
)
from everpost.platform.errors import ApiError, Area, Invalid
from everpost.platform.exchange import Exchange
from everpost.platform.pages import Html
from everpost.platform.routes import Table

__all__ = [
    "Answer", "App", "Door", "Doors", "Exchange", "FormData", "Html", "OpenDoors", "Pages", "Request", "SessionDoors",
    "Stream", "UploadFile", "redirect",
]  # fmt: skip

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

SESSION_COOKIE: Final = "everpost_session"
# What the doors of links in mails are tagged with: their pages show nothing of the portal.
_RECIPIENTS: Final = "Recipients"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = logs.get(__name__)


class ReadCaller(Protocol):
    async def __call__(self, db: Db, token: str, /) -> Caller: ...


class FindSession(Protocol):
    async def __call__(self, db: Db, cookie: str, /) -> Session | None: ...


class App:
    """The ASGI application over all doors. `fronts` are bare ASGI applications by path prefix, asked first."""

    def __init__(
        self,
        doors: Iterable[Door],
        *,
        open_database: Callable[[], Awaitable[Db]],
        read_caller: ReadCaller,
        find_session: FindSession,
        fronts: Mapping[str, Asgi] | None = None,
        on_start: Iterable[Callable[[Db], Awaitable[None]]] = (),
        on_stop: Iterable[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self.doors = list(doors)
        self._table: Table[Door] = Table()
        for door in self.doors:
            self._table.add(door.method, door.path, door)
        self._open_database, self._read_caller, self._find_session = open_database, read_caller, find_session
        self._fronts = dict(fronts or {})
        self._on_start, self._on_stop = list(on_start), list(on_stop)
        self._db: Db | None = None

    @property
    def db(self) -> Db:
        assert self._db is not None, "the application has not started"
        return self._db

    async def start(self) -> None:
        self._db = await self._open_database()
        for action in self._on_start:
            await action(self._db)

    async def stop(self) -> None:
        for action in self._on_stop:
            await action()
        if self._db is not None:
            await self._db.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        front = self._fronts.get(scope["path"][:3])
        if front is not None:
            await front(scope, receive, send)
            return
        await self._serve(Exchange(scope, receive), send)

    async def _serve(self, exchange: Exchange, send: Send) -> None:
        started = time.perf_counter()
        try:
            wire = await self._answer(exchange)
        except ClientDisconnect:
            # Whoever asked is gone before all of the request was here: nothing was done, and nobody listens.
            log.debug("request given up", request_id=exchange.request_id)
            return
        await send({"type": "http.response.start", "status": wire.status, "headers": wire.headers})
        if isinstance(wire.body, Stream):
            async for piece in wire.body.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if isinstance(wire.body, Stream) else wire.body})
        _measure(exchange, wire.status, time.perf_counter() - started)

    async def _answer(self, exchange: Exchange) -> responses.Wire:
        try:
            return responses.encode(exchange, await self._route(exchange))
        except ApiError as error:
            return _refusal(exchange, error)
        except ClientDisconnect:
            raise
        except Exception as error:
            if db.is_outage(error):
                log.warning("database unavailable", request_id=exchange.request_id, error=type(error).__name__)
                return _refusal(exchange, errors.Unavailable())
            log.exception("request failed", request_id=exchange.request_id)
            return _refusal(exchange, errors.InternalError())
        finally:
            if exchange.upload is not None:
                await exchange.upload.close()

    async def _route(self, exchange: Exchange) -> Answer:
        if gate.is_plain_and_foreign(exchange):
            return Answer({"message": "Forbidden"}, status=403)
        found = self._table.find(exchange.path)
        if exchange.method == "OPTIONS" and exchange.is_api:
            return Answer(status=200, headers=[("Access-Control-Max-Age", "600")])
        entry = found.door(exchange.method) if found else None
        if entry is not None:
            exchange.door, exchange.path_values = entry
        elif found is not None:
            exchange.area, exchange.kind = found.any_door().area, found.any_door().kind
        elif exchange.path.startswith(f"{pages.STATIC_PATH}/"):
            return _static(exchange)
        if exchange.door.kind == "api" if exchange.door else exchange.is_api:
            exchange.caller = await self._read_caller(self.db, gate.bearer_token(exchange))
            rate_limits.count(exchange.caller)
        if found is None:
            return _unknown(exchange)
        if exchange.door is None:
            raise _not_allowed(found.methods)
        return await self._open(exchange, exchange.door)

    async def _open(self, exchange: Exchange, door: Door) -> Answer:
        if door.kind == "page":
            return await self._open_page(exchange, door)
        if door.kind == "session":
            return await self._open_to_script(exchange, door)
        if door.kind == "api":
            _check_grant(door, exchange.caller)
            bodies.check_media_types(exchange, door)
        return await self._call(exchange, door)

    async def _open_page(self, exchange: Exchange, door: Door) -> Answer:
        await self._recognise(exchange)
        if door.is_session_required and exchange.session is None:
            return redirect(f"/login?{gate.next_parameter(exchange)}")
        _check_privilege(door, exchange.session)
        if door.method == "POST":
            await bodies.read_form(exchange, door)
            if door.checks_csrf:
                gate.check_form_token(exchange)
        return await self._call(exchange, door)

    async def _open_to_script(self, exchange: Exchange, door: Door) -> Answer:
        await self._recognise(exchange)
        if door.is_session_required and exchange.session is None:
            raise errors.Unauthorized
        gate.check_script(exchange, checks_csrf=door.checks_csrf)
        _check_privilege(door, exchange.session)
        bodies.check_media_types(exchange, door)
        answer = await self._call(exchange, door)
        answer.headers.append(("Cache-Control", "no-store"))
        return answer

    async def _recognise(self, exchange: Exchange) -> None:
        cookie = exchange.cookies.get(cookies.name(SESSION_COOKIE))
        exchange.session = await self._find_session(self.db, cookie) if cookie else None

    async def _call(self, exchange: Exchange, door: Door) -> Answer:
        """Bind the door's parameters, open what it asked for, run it, and only after the commit make the answer."""
        request = await bodies.read(exchange, door)
        arguments = _path_values(door, exchange.path_values)
        problems = request.problems
        if door.query_kind is not None:
            arguments["query"], found = _query(exchange, door)
            problems = [*problems, *found]
        if problems and (door.is_shape_first or door.exists is None):
            raise _invalid(door.area, problems)
        available = {
            "data": request.data, "caller": exchange.caller, "session": exchange.session, "db": self._db,
            "upload": exchange.upload,
        }  # fmt: skip
        arguments.update({name: available[name] for name in door.names if name in available})
        # Made only for the few doors that ask for them: every request would pay for it.
        if "request" in door.names:
            arguments["request"] = exchange.request
        if "form" in door.names:
            arguments["form"] = _form(exchange, door)
        return _success(door, await self._run(door, arguments, problems, exchange))

    async def _run(
        self, door: Door, arguments: dict[str, Any], problems: list[errors.Problem], exchange: Exchange
    ) -> Any:
        if "conn" not in door.names:
            return await door.handler(**arguments)
        is_read = door.method == "GET" and door.kind == "api"
        async with self.db.reader() if is_read else self.db.transaction() as conn:
            # A read says itself that there is nothing; only with a query that is wrong it is not asked.
            if door.exists is not None and exchange.caller is not None and (problems or not is_read):
                await door.exists(conn, exchange.caller.account_id, *(arguments[name] for name in door.path_names))
            if problems:
                raise _invalid(door.area, problems)
            return await door.handler(conn=conn, **arguments)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Exception as error:
                    log.exception("start failed")
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _check_grant(door: Door, caller: Caller | None) -> None:
    assert caller is not None
    if door.scopes and not door.scopes & caller.scopes:
        raise errors.ScopeMissing
    if door.privilege is not None and door.privilege not in caller.privileges:
        raise errors.PrivilegeMissing


def _check_privilege(door: Door, session: Session | None) -> None:
    if door.privilege is not None and (session is None or door.privilege not in session.privileges):
        raise errors.PrivilegeMissing


def _path_values(door: Door, values: Mapping[str, str]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name in door.path_names:
        try:
            read[name] = read_path_value(door.path_type(name), values[name])
        except ValueError as error:
            raise _bad_path_id(door, name) from error
    return read


def _bad_path_id(door: Door, name: str) -> ApiError:
    """400 with the not-found key, or 404 where the schema lists no 400. Source: contract, conventions.md §5.2."""

    class BadPathId(ApiError):
        status = door.bad_id_status
        key = door.area.not_found_key

    return BadPathId(f"{name} is in an invalid format.")


def _query(exchange: Exchange, door: Door) -> tuple[Any, list[errors.Problem]]:
    """The query as its Struct, or what is wrong with it. Raises: Invalid, for a cursor that is none."""
    kind = door.query_kind
    assert kind is not None
    values: Mapping[str, list[str]] = exchange.query
    cursor = None
    if door.is_paged:
        cursor, values = _cursor(exchange, door)
    members, problems = validation.read_parameters(kind, values, door.aliases)
    if problems:
        return None, problems
    if cursor is not None:
        members["cursor"] = cursor
    return kind(**members), []


def _cursor(exchange: Exchange, door: Door) -> tuple[paging.Cursor, Mapping[str, list[str]]]:
    assert exchange.caller is not None
    account_id, path, name = exchange.caller.account_id, exchange.path.rstrip("/"), door.query_kind.cursor_name  # type: ignore[union-attr]
    given = exchange.query.get("cursor") or exchange.query.get("next")
    if not given or not given[0]:
        return paging.first(account_id, path, exchange.query, name), exchange.query
    try:
        return paging.read(given[0], account_id, path, name)
    except paging.BadCursor as error:
        raise Invalid(door.area.bad_cursor) from error


def _form(exchange: Exchange, door: Door) -> Any:
    """The form as its Struct where the door names one, else as plain text by field."""
    kind = door.hints.get("form")
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return exchange.form
    members, problems = validation.read_parameters(kind, {name: [text] for name, text in exchange.form.items()}, {})
    if problems:
        raise _invalid(door.area, problems)
    return kind(**members)


def _invalid(area: Area, problems: list[errors.Problem]) -> Invalid:
    return Invalid(*dict.fromkeys(area.word(problem) for problem in problems))


def _not_allowed(methods: list[str]) -> ApiError:
    error = errors.NotAllowed()
    error.headers["Allow"] = ", ".join(methods)
    return error


def _unknown(exchange: Exchange) -> Answer:
    if exchange.is_api:
        raise errors.NotFound
    if exchange.path.startswith(("/oauth2/", "/.well-known/")):
        return Answer(status=404)
    if "text/html" in exchange.header("accept"):
        return Answer(pages.error(404), status=403)  # programs are promised the status, people need the words
    return Answer({"message": "Forbidden"}, status=403)


def _static(exchange: Exchange) -> Answer:
    if exchange.method not in ("GET", "HEAD"):
        return Answer(status=405, headers={"Allow": "GET, HEAD"})
    file = pages.static_file(exchange.path.removeprefix(f"{pages.STATIC_PATH}/"))
    if file is None:
        return Answer(status=404)
    return Answer(file.body, headers=file.headers, media_type="")


def _success(door: Door, result: Any) -> Answer:
    if isinstance(result, Answer):
        return result
    return Answer(result, status=result.status if isinstance(result, Html) else door.success)


def _refusal(exchange: Exchange, error: ApiError) -> responses.Wire:
    if exchange.kind == "page":
        is_bare = exchange.door is not None and exchange.door.tag == _RECIPIENTS
        page = pages.error(error.status, request_id=exchange.request_id, is_bare=is_bare)
        return responses.encode(exchange, Answer(page, status=error.status, headers=error.headers))
    headers = list(error.headers.items())
    if error.status == 401 and exchange.kind != "session":
        headers.append(("WWW-Authenticate", f"Bearer realm={gate.api_host()}"))
    return responses.encode(exchange, Answer(errors.render(error, exchange.area), status=error.status, headers=headers))


def _measure(exchange: Exchange, status: int, seconds: float) -> None:
    # Labels come from our own lists: a stranger's made-up methods and paths would fill the memory.
    name = exchange.door.path if exchange.door else "unknown"
    method = exchange.method if exchange.method in _METHODS else "other"
    metrics.count_request(method, name, status, seconds)
    if config.current().log_level == "debug":
        log.debug(
            "request", request_id=exchange.request_id, method=method, door=name, status=status,
            milliseconds=round(seconds * 1000, 1),
        )  # fmt: skip
