"""What a campaign found: faults injected, violations, and what could not be tried."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain_tests.reliability.processes import Ended


class Verdict(NamedTuple):
    """What one trial came to; made of what JSON can hold, because it crosses a process.

    Attributes
    ----------
    what : str
        The fault that was injected.
    violations : list of str
        Empty if everything held.
    note : str
        What is worth counting.
    n_faults : int
        Faults injected: 0 if the trial missed, as a kill that came too late.
    """

    what: str
    violations: list[str]
    note: str = ""
    n_faults: int = 1


class Tally(NamedTuple):
    """What all trials of one kind came to."""

    name: str
    n_faults: int
    violations: list[str]
    seconds: float
    notes: dict[str, int]
    not_run: str = ""

    @property
    def as_row(self) -> list[object]:
        """The row of the printed table."""
        if self.not_run:
            return [self.name, "not run", "not run", "", self.not_run]
        counted = ", ".join(f"{note} {n}" for note, n in sorted(self.notes.items()) if note)
        return [self.name, self.n_faults, len(self.violations), f"{self.seconds:.0f} s", counted]


def read_verdicts(answers: Iterable[object]) -> list[Verdict]:
    """Verdicts as they came out of their processes; a trial that failed itself is a violation."""
    return [
        Verdict("a trial", [f"the trial itself failed: {answer}"]) if isinstance(answer, Ended) else Verdict(*answer)  # type: ignore[misc] # a verdict as a list
        for answer in answers
    ]


def count_up(name: str, verdicts: Sequence[Verdict], seconds: float) -> Tally:
    """Add up the trials of one kind, and say at once what did not hold."""
    violations = [f"{verdict.what}: {violation}" for verdict in verdicts for violation in verdict.violations]
    notes: dict[str, int] = {}
    for verdict in verdicts:
        notes[verdict.note] = notes.get(verdict.note, 0) + verdict.n_faults
    for violation in violations:
        sys.stderr.write(f"VIOLATION {name}: {violation}\n")
    tally = Tally(name, sum(verdict.n_faults for verdict in verdicts), violations, seconds, notes)
    sys.stderr.write(f"{tally.name}: {tally.n_faults} faults, {len(violations)} violations, {seconds:.0f} s\n")
    return tally


def find_bad_ending(ended: Ended, *, allowed: Sequence[int] = (0,)) -> list[str]:
    """What is wrong with how a command ended: its exit code, or that a person would see a traceback."""
    if ended.code not in allowed:
        return [f"the command ended with {ended}"]
    if "Traceback" in ended.err:
        return [f"the command showed a traceback: {ended}"]
    if ended.code and ended.err.count("forest-fire: ") != 1:
        return [f"the command did not give one reason: {ended}"]
    return []


def list_folder(folder: Path) -> list[str]:
    """Names below a folder, for a violation's text."""
    return sorted(path.name for path in folder.glob("*"))
