"""The number of threads follows the container's quota, not the host's cores."""

import os
from pathlib import Path

import pytest

from backend.vision.cores import usable_cores

BOUND = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)), raising=False)


def drawn(folder: Path, **files: str) -> Path:
    """A tree of files: `a__b_c=text` is `a/b.c` with that text."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cpu_cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return folder


def cores(folder: Path) -> int:
    return usable_cores(folder, folder / "own")


@pytest.mark.usefixtures("eight_cores")
class TestOnEightCores:
    def test_without_control_groups_all_cores_count(self, tmp_path: Path) -> None:
        assert cores(tmp_path) == 8

    def test_without_a_quota_all_cores_count(self, tmp_path: Path) -> None:
        assert cores(drawn(tmp_path, own="0::/", cpu_max="max 100000")) == 8

    def test_a_quota_of_version_2_counts(self, tmp_path: Path) -> None:
        assert cores(drawn(tmp_path, own="0::/", cpu_max="200000 100000")) == 2

    def test_a_quota_of_version_1_counts(self, tmp_path: Path) -> None:
        files = {"cpu__cpu_cfs_quota_us": "300000", "cpu__cpu_cfs_period_us": "100000"}
        assert cores(drawn(tmp_path, own="4:cpu,cpuacct:/\n3:memory:/", **files)) == 3

    def test_no_quota_in_version_1_is_written_as_minus_one(self, tmp_path: Path) -> None:
        files = {"cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"}
        assert cores(drawn(tmp_path, own="4:cpu,cpuacct:/", **files)) == 8

    def test_a_quota_of_the_group_around_counts_too(self, tmp_path: Path) -> None:
        drawn(tmp_path, own="0::/outer/inner", outer__cpu_max="200000 100000", outer__inner__cpu_max="max 100000")
        assert cores(tmp_path) == 2

    def test_a_part_of_a_core_counts_as_one_more_thread(self, tmp_path: Path) -> None:
        assert cores(drawn(tmp_path, own="0::/", cpu_max="150000 100000")) == 2
        assert cores(drawn(tmp_path, own="0::/", cpu_max="10000 100000")) == 1

    def test_a_quota_beyond_the_cores_does_not_add_any(self, tmp_path: Path) -> None:
        assert cores(drawn(tmp_path, own="0::/", cpu_max="6400000 100000")) == 8

    def test_unreadable_files_do_not_count(self, tmp_path: Path) -> None:
        assert cores(drawn(tmp_path, own="0::/", cpu_max="what is this")) == 8


def test_here_it_is_a_sensible_number() -> None:
    assert 1 <= usable_cores() <= BOUND
