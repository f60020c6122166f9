"""Writes the tables of the documentation that are made from the code: `make docs`."""

import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from backend.api.access import Needs, RouteTable
from backend.api.factory import create_app
from backend.cli.commands import application
from backend.settings import Settings

ROOT = Path(__file__).parents[1]


def settings_table() -> str:
    """Every setting with its default, its range and its sentence."""
    rows = [
        (f"`{name.upper()}`", _default(field), _range(field), field.description or "")
        # What must be set comes first.
        for name, field in sorted(Settings.model_fields.items(), key=lambda entry: entry[0] != "auth_token")
    ]
    return _table(("variable", "default", "values", "what it is"), rows)


def routes_table() -> str:
    """Every route of the API with the scope that it takes and its sentence."""
    app = create_app(Settings.model_validate({"auth_token": "only for the table"}))
    needs = {(method, rule.path): rule.needs for rule in RouteTable(app.routes).rules for method in rule.methods}
    rows = [
        (f"`{method.upper()} {path}`", _scope(needs[method.upper(), path], method), _first_line(operation))
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]
    return _table(("route", "scope", "what it does"), rows)


def _scope(rule: Needs | None, method: str) -> str:
    return "" if rule is None else f"`{rule.by_method(method.upper())}`"


def _first_line(operation: Mapping[str, Any]) -> str:
    return str(operation["description"].splitlines()[0])


def commands_reference() -> str:
    """Every command with its arguments, options and examples, as its `--help` has them."""
    group = get_command(application())
    assert isinstance(group, TyperGroup)  # noqa: S101 — there is more than one command
    return "\n\n".join(_command(name, command) for name, command in _walk(group))


def _walk(group: TyperGroup, prefix: str = "") -> Iterator[tuple[str, TyperCommand]]:
    """The commands of a group and of the groups in it, each by its words; not those that are for the program itself."""
    for name, member in group.commands.items():
        if member.hidden:
            continue
        if isinstance(member, TyperGroup):
            yield from _walk(member, f"{prefix}{name} ")
        elif isinstance(member, TyperCommand):
            yield f"{prefix}{name}", member


def _command(name: str, command: TyperCommand) -> str:
    context = Context(command, info_name=f"face-server {name}")
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    records = (parameter.get_help_record(context) for parameter in command.params)
    rows = [(f"`{names}`", text) for names, text in filter(None, records)]
    examples = re.sub("^Examples?: ", "", command.epilog or "").split(" · ")
    parts = (
        f"## {name}",
        command.help or "",
        "\n".join(("```bash", *examples, "```")),
        f"Usage: `{usage}`",
        _table(("argument or option", "meaning"), rows) if rows else "",
    )
    return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document that is made from the code, between two comments that name it."""

    document: Path
    name: str
    content: Callable[[], str]

    def replaced_in(self, text: str) -> str:
        """The document's text with this section as it should be; raises ValueError where its comments are missing."""
        begin, end = f"<!-- {self.name}: made by `make docs` -->", f"<!-- end of {self.name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{self.document} lacks the comments {begin} and {end}.")
        return pattern.sub(lambda _: f"{begin}\n\n{self.content()}\n\n{end}", text)


SECTIONS = (
    Section(ROOT / "README.md", "settings", settings_table),
    Section(ROOT / "docs" / "api.md", "routes", routes_table),
    Section(ROOT / "docs" / "commands.md", "commands", commands_reference),
)


def main() -> None:
    """Bring all sections up to date."""
    for section in SECTIONS:
        section.document.write_text(section.replaced_in(section.document.read_text(encoding="utf-8")), encoding="utf-8")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or isinstance(value, SecretStr):
        return ""
    return f"`{value.value if isinstance(value, enum.Enum) else value}`"


def _range(field: FieldInfo) -> str:
    return ", ".join(_choices(field.annotation)) or _between(field)


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (f"`{choice}`" for choice in get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        yield from (f"`{choice.value}`" for choice in annotation)
    elif isinstance(annotation, UnionType):
        for part in get_args(annotation):
            yield from _choices(part)


def _between(field: FieldInfo) -> str:
    bounds: Mapping[str, float] = {
        name: getattr(limit, name) for limit in field.metadata for name in ("gt", "ge", "le") if hasattr(limit, name)
    }
    if not bounds:
        return ""
    low = bounds["ge"] if "ge" in bounds else f"above {bounds['gt']}"
    return f"{low} to {bounds['le']}"


if __name__ == "__main__":
    main()
