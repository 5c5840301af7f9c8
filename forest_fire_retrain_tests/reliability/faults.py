"""Campaign `faults`: what an installation depends on goes away; one clear message, then one ordinary run."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from forest_fire_retrain_tests.reliability.crashing import INAUGURAL, SUPERIOR, Rehearsal, examine_slot, rehearse
from forest_fire_retrain_tests.reliability.outages import (
    MlflowServer,
    NotPossibleHereError,
    ballast,
    read_only,
    small_file_system,
)
from forest_fire_retrain_tests.reliability.parks import (
    FRESH,
    REIGNING,
    Template,
    clear,
    lay_out,
    park,
)
from forest_fire_retrain_tests.reliability.processes import Ended, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, find_bad_ending
from forest_fire_retrain_tests.reliability.watching import AFTER, BEFORE, watch_this_process

REFUSED = 2
HOME_MB = 48
KIB = 1024


FREE_KIB = (0, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
ALL_FILLS = [(free, home) for free in FREE_KIB for home in (FRESH, REIGNING)]
FEW_FILLS = [(256, REIGNING), (768, FRESH)]
"""KiB that are left on a full disk: Dagster's store is the first that needs more, then the lake, MLflow, the ledger."""


class Expected(NamedTuple):
    """What undisturbed runs come to, per template."""

    fresh: Rehearsal
    reigning: Rehearsal

    def of(self, template: Template) -> list[list[object]]:
        """Outcomes of an undisturbed run on a home."""
        return (self.fresh if template is FRESH else self.reigning).outcomes


Trial = Callable[[Path, Expected], Verdict]


def inject_faults(slots: tuple[Path, ...], *, quick: bool) -> list[Tally]:
    """Every fault of the campaign; one that this machine does not allow is said to be not run."""
    expected = Expected(rehearse(slots, INAUGURAL), rehearse(slots, SUPERIOR))
    tallies = []
    for name, trials in plan_faults(quick=quick).items():
        began = time.monotonic()
        answers = run_in_slots([partial(_try, trial=trial, expected=expected) for trial in trials], slots)
        tallies.append(_add_up(f"faults, {name}", answers, time.monotonic() - began))
    return tallies


def plan_faults(*, quick: bool) -> dict[str, list[Trial]]:
    """The faults and how often each is tried."""
    cuts = {"decision recorded": ("ledger.append", AFTER), "model to be stored": ("models.save", BEFORE)}
    return {
        "MLflow server gone": [partial(lose_mlflow, at=at, name=name) for name, at in cuts.items()],
        "disk full": [
            partial(fill_disk, free_kib=free, template=home) for free, home in (FEW_FILLS if quick else ALL_FILLS)
        ],
        "ledger locked": [
            partial(lock_ledger, held_seconds=1_000.0, patience_seconds=2.0),
            partial(lock_ledger, held_seconds=3.0 if quick else 60.0, patience_seconds=100.0),
        ],
        "lake read-only": [partial(lock_lake, template=home) for home in ((REIGNING,) if quick else (FRESH, REIGNING))],
    }


def lose_mlflow(slot: Path, expected: Expected, *, at: tuple[str, str], name: str) -> Verdict:
    """The MLflow server is killed in mid-run, and is back for the next one."""
    lay_out(slot, FRESH)
    folder = slot / "server"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(slot / "home" / "mlflow", folder)
    shutil.rmtree(slot / "home" / "mlflow")
    server = MlflowServer(folder)
    try:
        server.start()
        changes = {"MLFLOW_TRACKING_URI": server.uri}

        def kill_at(write: str, side: str) -> None:
            if (write, side) == at:
                server.kill()

        def run() -> None:
            watch_this_process(kill_at)
            forest_fire("retrain")()

        ended = start(run, slot / "victim", park(slot, FRESH.head, changes)).wait()
        server.close()
        server.start()
        return _judge(slot, f"MLflow gone with the {name}", ended, FRESH, expected, changes=changes)
    finally:
        server.close()


def fill_disk(slot: Path, expected: Expected, *, free_kib: int, template: Template) -> Verdict:
    """The home's file system is full but for some bytes; later there is room again."""
    what = f"disk full but for {free_kib} KiB, {template.name} home"
    clear(slot)
    with small_file_system(slot / "home", HOME_MB):
        shutil.copytree(slot / "templates" / template.name, slot / "home", dirs_exist_ok=True)
        with ballast(slot / "home", free_kib * KIB):
            ended = start(forest_fire("retrain"), slot / "victim", park(slot, template.head)).wait()
        if ended.code == 0:
            return _judge(slot, what, ended, template, expected)._replace(n_faults=0)
        return _judge(slot, what, ended, template, expected)


def lock_ledger(slot: Path, expected: Expected, *, held_seconds: float, patience_seconds: float) -> Verdict:
    """A notebook keeps a connection to the ledger open; longer than the patience, it is named, else waited for."""
    lay_out(slot, REIGNING)
    changes = {"LEDGER_PATIENCE_SECONDS": patience_seconds}
    holder = start(partial(_hold, slot / "home" / "ledger.duckdb", held_seconds), slot / "holder")
    time.sleep(1.0)
    ended = start(forest_fire("retrain"), slot / "victim", park(slot, REIGNING.head, changes)).wait()
    is_named = f"process {holder.pid}" in ended.err
    if held_seconds > patience_seconds:
        holder.kill()
    holder.wait()
    what = f"ledger held for {held_seconds:g} s, patience {patience_seconds:g} s"
    allowed = REFUSED if held_seconds > patience_seconds else 0
    verdict = _judge(slot, what, ended, REIGNING, expected, changes=changes, allowed=allowed)
    unnamed = [] if is_named or not allowed else [f"the message does not name process {holder.pid}: {ended}"]
    return verdict._replace(violations=[*verdict.violations, *unnamed])


def lock_lake(slot: Path, expected: Expected, *, template: Template) -> Verdict:
    """The lake's folder is read-only."""
    lay_out(slot, template)
    (slot / "home" / "lake").mkdir(exist_ok=True)
    with read_only(slot / "home" / "lake"):
        ended = start(forest_fire("retrain"), slot / "victim", park(slot, template.head)).wait()
    return _judge(slot, f"lake read-only, {template.name} home", ended, template, expected)


def _judge(
    slot: Path,
    what: str,
    ended: Ended,
    template: Template,
    expected: Expected,
    *,
    changes: Mapping[str, object] | None = None,
    allowed: int | None = None,
) -> Verdict:
    """How the command ended, then one ordinary run, then everything has to hold."""
    environment = park(slot, template.head, changes)
    codes = (0, REFUSED) if allowed is None else (allowed,)
    violations = find_bad_ending(ended, allowed=codes)
    if ended.code == 0 and allowed is None and "disk full" not in what:
        violations.append("the run succeeded although it could not")
    violations += find_bad_ending(start(forest_fire("retrain"), slot / "follow_up", environment).wait())
    found = examine_slot(slot, template.head, environment)
    violations += found.violations
    if not violations and found.outcome not in expected.of(template):
        violations.append(f"the outcome is {found.outcome}, undisturbed it is {expected.of(template)}")
    note = "that ended with exit code 2 and a reason" if ended.code else "that waited and went on"
    return Verdict(what, violations, note)


def _try(slot: Path, *, trial: Trial, expected: Expected) -> Verdict | str:
    try:
        return trial(slot, expected)
    except NotPossibleHereError as error:
        return str(error)


def _add_up(name: str, answers: Sequence[object], seconds: float) -> Tally:
    refused = [answer for answer in answers if isinstance(answer, str)]
    if refused:
        return Tally(name, 0, [], seconds, {}, not_run=refused[0])
    failed = [Verdict("a trial", [str(answer)]) for answer in answers if isinstance(answer, Ended)]
    verdicts = [Verdict(*answer) for answer in answers if isinstance(answer, list)]
    return count_up(name, [*failed, *verdicts], seconds)


def _hold(ledger: Path, seconds: float) -> None:
    connection = duckdb.connect(ledger)
    time.sleep(seconds)
    connection.close()
