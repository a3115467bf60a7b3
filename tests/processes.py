"""The worker processes below a service, as the machine lists them."""

import os
import subprocess

__all__ = ["running", "workers"]


def workers(kind: str, service: int | None = None) -> list[int]:
    """The ids of the workers of a kind (`store.worker`, `store.writer`, `validation.worker`) below a process, or us."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat=,comm="], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    below = {int(pid) for pid, parent, *_ in rows if int(parent) == (service or os.getpid())}
    # The kernel keeps 15 characters of a name.
    return [
        int(pid)
        for pid, parent, state, name in rows
        if int(parent) in below and name == kind[:15] and not state.startswith("Z")
    ]


def running(pids: list[int]) -> list[int]:
    """Those of the processes that still run."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    alive = {int(pid) for pid, state in map(str.split, listed.splitlines()) if not state.startswith("Z")}
    return sorted(alive & set(pids))
