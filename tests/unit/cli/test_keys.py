"""`key create`, `key list`, `key revoke`."""

import json

import pytest

from tests.unit.cli.conftest import Run


def test_a_key_is_made_shown_once_and_revoked(run: Run) -> None:
    made = json.loads(run("key", "create", "nas", "--scope", "read", "--scope", "enrol", "--days", "90", "--json").out)
    assert (made["name"], made["scopes"], made["state"]) == ("nas", ["enrol", "read"], "active")
    listed = run("key", "list", "--json").out
    assert made["key"] not in listed
    assert [key["key_id"] for key in json.loads(listed)] == [made["key_id"]]
    revoked = json.loads(run("key", "revoke", made["key_id"], "--json").out)
    assert revoked["state"] == "revoked"
    again = run("key", "revoke", made["key_id"])
    assert (again.status, "could be revoked" in again.err) == (1, True)


def test_the_key_is_shown_whole_on_a_narrow_terminal(run: Run) -> None:
    shown = run("key", "create", "nas", "--scope", "admin")
    (word,) = [word for word in shown.out.split() if word.startswith("fs_")]
    assert len(word) == 46
    assert "not shown again" in shown.err


@pytest.mark.parametrize("length", [3, 20, 128])
def test_ids_stay_whole_and_names_are_not_cut_in_eighty_columns(run: Run, length: int) -> None:
    name = "nas-in-the-attic"[: length - 1].ljust(length, "x")
    made = json.loads(run("key", "create", name, "--scope", "read", "--scope", "enrol", "--json").out)
    lines = run("key", "list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(made["key_id"] in line for line in lines)
    assert "".join(line.split("│")[2].strip() for line in lines if "│" in line) == name


@pytest.mark.parametrize("arguments", [("nas",), ("nas", "--scope", "all"), (" ", "--scope", "read")])
def test_a_key_that_makes_no_sense_is_refused_in_a_sentence(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run("key", "create", *arguments)
    assert refused.status in {1, 2}
    assert "Traceback" not in refused.err
