"""Tell a process, or a group of processes, from another that got its number since."""

import os
from pathlib import Path

UNKNOWN = "unknown"
PROCESSES = Path("/proc")
STATE, GROUP, START = 0, 2, 19  # places in /proc/PID/stat behind the name in parentheses
OVER = frozenset("ZX")  # states of what has ended and was not waited for


def began(pid: int) -> str:
    """When a process began, in ticks since the machine did; unknown where the system does not say."""
    facts = _facts(pid)
    return facts[START] if facts else UNKNOWN


def is_alive(pid: int, began_at: str) -> bool:
    """Whether the process that began then is still there; where that is unknown, whether one of that number is."""
    if not _answers(pid):
        return False
    now = began(pid)
    return UNKNOWN in (now, began_at) or now == began_at


def is_group_alive(leader: int, began_at: str) -> bool:
    """Whether anybody of the group that this process led still works; its number is not given away before."""
    if not _answers(-leader) or not (began(leader) == UNKNOWN or is_alive(leader, began_at)):
        return False
    everybody = [_facts(int(entry.name)) for entry in PROCESSES.glob("[0-9]*")] if PROCESSES.is_dir() else []
    members = [facts for facts in everybody if facts and facts[GROUP] == str(leader)]
    return not everybody or any(facts[STATE] not in OVER for facts in members)


def _answers(number: int) -> bool:
    """Whether a signal would find a process, or of a negative number a group."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _facts(pid: int) -> list[str]:
    try:
        return (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
