"""How many processor cores this process may use: what the machine has, less what its container withholds."""

import os
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def usable_cores(cgroups: Path = CGROUPS, own_cgroups: Path = OWN_CGROUPS) -> int:
    """The number of threads worth running at once, at least 1.

    The smaller of the cores this process is bound to and the processor quota of its control groups (Linux, both
    versions); a quota of 1.5 cores counts as 2, since two threads can use it up and one cannot.
    """
    cores = float(_bound_cores())
    for folder in _own_folders(cgroups, own_cgroups):
        quota = _quota(folder)
        if quota is not None:
            cores = min(cores, quota)
    return max(1, -int(-cores // 1))


def _bound_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _own_folders(cgroups: Path, own_cgroups: Path) -> set[Path]:
    """The folders of this process's control groups and of the groups around them, whose quotas hold as well."""
    try:
        lines = own_cgroups.read_text().splitlines()
    except OSError:
        return set()
    folders = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / "cpu" if controllers else cgroups
        inside = PurePosixPath(path).relative_to("/")
        # Inside a container the path may be the host's; the root then shows the container's own group.
        folders |= {root, *(root / part for part in (inside, *inside.parents))}
    return folders


def _quota(folder: Path) -> float | None:
    """The cores a control group may use at once: `cpu.max` in version 2, two files in version 1; None without limit."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max"
        return None
