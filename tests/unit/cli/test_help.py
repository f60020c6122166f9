"""The help of every command: readable on a narrow terminal, with an example."""

import pytest
import typer
from typer.core import TyperGroup

from backend.cli.commands import PARTS, application
from tests.unit.cli.conftest import Run


def _commands() -> list[tuple[str, ...]]:
    group = typer.main.get_command(application())
    assert isinstance(group, TyperGroup)
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, TyperGroup) else {}
        found += [(name, below) for below, member in inner.items() if not member.hidden] or [(name,)]
    return found


COMMANDS = _commands()


def test_the_commands_of_the_description_are_there() -> None:
    assert {("serve",), ("ui",), ("enrol",), ("identify",), ("watch",)} <= set(COMMANDS)


@pytest.mark.parametrize("part", PARTS)
def test_each_file_has_the_commands_by_which_it_is_found(part: str) -> None:
    group = typer.main.get_command(application([part]))
    assert isinstance(group, TyperGroup)
    assert tuple(group.commands) == PARTS[part]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_eighty_columns_and_has_an_example(run: Run, command: tuple[str, ...]) -> None:
    ended = run(*command, "--help")
    assert ended.status == 0
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert f"face-server {' '.join(command)}" in ended.out.partition("Example")[2].replace("\n ", " ")


def test_without_a_command_the_commands_are_listed(run: Run) -> None:
    ended = run()
    assert all(command[0] in ended.out + ended.err for command in COMMANDS)


def test_an_unknown_command_is_told_of_in_a_sentence(run: Run) -> None:
    ended = run("fly")
    assert (ended.status, "No such command 'fly'" in ended.err) == (2, True)
