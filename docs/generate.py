"""Write docs/reference from the program itself: settings, commands, endpoints, errors, facts.

`python docs/generate.py` writes the pages; `--check` only says which of them have drifted. A test runs the check.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import typer

from everpost import app, worker
from everpost.cli import main as command_line
from everpost.platform import config, errors, events, jobs

REFERENCE = Path(__file__).parent / "reference"
_HEAD = "<!-- Written by docs/generate.py; edit the program instead. -->\n\n"


def pages() -> dict[str, str]:
    """Every reference page by file name."""
    worker.load_jobs()
    return {
        "settings.md": _settings(),
        "commands.md": _commands(),
        "endpoints.md": _endpoints(),
        "errors.md": _errors(),
        "facts.md": _facts(),
    }


def _settings() -> str:
    hints = get_type_hints(config.Settings, include_extras=True)
    rows = [
        f"| `EVERPOST_{field.name.upper()}` | `{field.name}` | {_default(field)} | {_description(hints[field.name])} |"
        for field in msgspec.structs.fields(config.Settings)
    ]
    return _table(
        "Settings",
        "A variable wins over `everpost.toml` (in the working folder, else in the data folder, else where "
        "`EVERPOST_CONFIG` says).",
        ["variable", "in everpost.toml", "default", "meaning"],
        rows,
    )


def _default(field: Any) -> str:
    if field.default is msgspec.NODEFAULT:
        return "`/var/lib/everpost` for root, else `~/.local/share/everpost`"
    return "–" if field.default in (None, "") else f"`{field.default}`"


def _description(hint: Any) -> str:
    return " ".join(each.description for each in getattr(hint, "__metadata__", ()) if each.description)


def _commands() -> str:
    context = typer.Context(typer.main.get_command(command_line.app), info_name="everpost")
    rows = [f"| `{name}` | {text} | {options} |" for name, text, options in _each_command(context)]
    return _table("Commands", "`everpost COMMAND --help` says more.", ["command", "what it does", "options"], rows)


def _each_command(context: Any, prefix: str = "everpost") -> Iterator[tuple[str, str, str]]:
    group = context.command
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _each_command(typer.Context(command, parent=context, info_name=name), f"{prefix} {name}")
        else:
            shown = [option for option in command.params if not getattr(option, "hidden", False)]
            options = ", ".join(f"`{option.opts[0]}`" for option in shown)
            yield f"{prefix} {name}", (command.help or "").partition("\n")[0], options


def _endpoints() -> str:
    rows = [
        f"| {door.method} | `{door.path}` | {', '.join(f'`{scope}`' for scope in sorted(door.scopes)) or '–'} "
        f"| {f'`{door.privilege}`' if door.privilege else '–'} | {_summary(door.handler)} |"
        for door in sorted(app.all_doors(), key=lambda door: (not door.path.startswith("/v3"), door.path, door.method))
    ]
    return _table(
        "Endpoints",
        "The full shapes are in the OpenAPI document: `/v3/openapi.json` or `/v3/openapi.yaml` of a running instance.",
        ["method", "path", "scope", "privilege", "what it does"],
        rows,
    )


def _errors() -> str:
    import_everything()
    rows = [
        f"| {kind.status} | {f'`{kind.key}`' if kind.key else 'the area’s'} | {_cell(kind.__doc__)} |"
        for kind in sorted(_below(errors.ApiError), key=lambda kind: (kind.status, kind.key or "", kind.__name__))
    ]
    return _table(
        "Errors",
        "A 401, 403 or rate-limit 429 is one object, every other error an array of `{error_key, error_message}`. "
        "Where the key is the area's, it is `contacts.api.…`, `emails.api.…`, `account.api.…` or `reportingsvc.…`.",
        ["status", "key", "message"],
        rows,
    )


def _facts() -> str:
    rows = [
        f"| `{fact}` | {', '.join(f'`{_subscriber(each.name)}`' for each in found)} |"
        for fact, found in sorted(events.subscribers.items())
    ]
    recurring = [f"| `{task.name}` | every {task.interval} |" for _, task in sorted(jobs.recurring.items())]
    queued = [
        f"| `{name}` | {_summary(job.function)} |" for name, job in sorted(jobs.registry.items()) if ">" not in name
    ]
    return (
        _table("Facts", "What slices publish, and who has a job for it.", ["fact", "subscribers"], rows)
        + _table("Jobs", "", ["job", "what it does"], queued).removeprefix(_HEAD)
        + _table("Recurring tasks", "", ["task", "how often"], recurring).removeprefix(_HEAD)
    )


def _subscriber(job_name: str) -> str:
    return job_name.partition(">")[2]


def import_everything() -> None:
    """Import every module of the package, so that every error class is known."""
    package = Path(config.__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        name = ".".join(("everpost", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
        if not name.endswith("__main__"):
            import_module(name)


def _below(kind: type[errors.ApiError]) -> list[type[errors.ApiError]]:
    found = [each for child in kind.__subclasses__() for each in (child, *_below(child))]
    return [each for each in found if each.__module__.startswith("everpost.")]


def _summary(function: Any) -> str:
    return _cell((function.__doc__ or "").strip().partition("\n")[0])


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _table(title: str, lead: str, heads: list[str], rows: list[str]) -> str:
    lines = [f"# {title}", "", *([lead, ""] if lead else []), f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return _HEAD + "\n".join([*lines, *rows]) + "\n\n"


def main() -> int:
    drifted = []
    for name, text in pages().items():
        path = REFERENCE / name
        content = text.rstrip("\n") + "\n"
        if path.exists() and path.read_text("utf-8") == content:
            continue
        drifted.append(name)
        if "--check" not in sys.argv:
            path.write_text(content, "utf-8")
    print("\n".join(drifted) or "Nothing has drifted.")
    return 1 if drifted and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
