"""Homes on which orders are tried: one with two reigns, a shadow and a week that waits, one with faults, one torn.

They live in the summer of the small park: the product's clock is put back to the day after the newest period.
"""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain_tests.reliability.parks import clear, park, week
from forest_fire_retrain_tests.reliability.processes import Child, Ended, forest_fire, run_in_slots, start
from forest_fire_retrain_tests.reliability.shifted_clock import shifted

N_DECIDED = 4
NEWEST = N_DECIDED + 1
"""Versions 1 and 2 reigned; the fifth week waits."""
TODAY = dt.date.fromisoformat(week(NEWEST + 1)) + dt.timedelta(days=1)
SHIFT = dt.datetime.now(dt.UTC) - dt.datetime.combine(TODAY, dt.time(6), dt.UTC)
"""How far the clock is put back, so that this campaign begins in that morning."""
RULED, FAULTY, TORN = "ruled", "faulty", "torn"
BACKUP = "backup.duckdb"
DAY = dt.timedelta(days=1)


class Place(NamedTuple):
    """A home of a slot, wherever in it."""

    slot: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the installation."""
        changes = {"HOME": self.home, "END_DATE": week(NEWEST + 5)}
        return {**park(self.slot, NEWEST, changes), "DAGSTER_HOME": str(self.home / "dagster")}

    def start(self, task: Callable[[], None], log: str) -> Child:
        """The task in a process of its own, on the day of the campaign."""
        return start(shifted(task, SHIFT), self.slot / log, self.environment)

    def do(self, task: Callable[[], None], log: str) -> Ended:
        """As `start`, to its end."""
        return self.start(task, log).wait()


def day_before_today(n_days: int) -> str:
    """A day before the campaign's."""
    return (TODAY - n_days * DAY).isoformat()


def make_order_homes_in(slots: tuple[Path, ...]) -> None:
    """Make the homes in the first slot, and copy them to the others; nothing if they are there.

    Raises
    ------
    RuntimeError
        If one could not be made.
    """
    first, *others = slots
    if (first / "templates" / TORN).exists():
        return
    (answer,) = run_in_slots([_make_order_homes], [first])
    if isinstance(answer, Ended):
        msg = f"the homes for orders could not be made: {answer}"
        raise RuntimeError(msg)  # noqa: TRY004 - a process that failed, not a wrong type
    for slot in others:
        shutil.copyfile(first / BACKUP, slot / BACKUP)
        for name in (RULED, FAULTY, TORN):
            shutil.copytree(first / "templates" / name, slot / "templates" / name)


def _make_order_homes(slot: Path) -> None:
    clear(slot)
    place = Place(slot, slot / "home")
    (slot / BACKUP).unlink(missing_ok=True)
    for words in (
        ("backfill", "--from", week(1), "--to", week(N_DECIDED)),
        ("predict", "--retro", "--from", day_before_today(20), "--to", day_before_today(19)),
        ("shadow", "candidate", "--until", day_before_today(-30), "--reason", "a trial"),
        ("ledger", "backup", str(slot / BACKUP)),
    ):
        _succeed(place, forest_fire(*words))
    _put_aside(place, RULED)
    _succeed(place, _spoil)
    _put_aside(place, FAULTY)
    lay_out_home(slot, RULED)
    ledger = place.home / "ledger.duckdb"
    os.truncate(ledger, ledger.stat().st_size // 2)
    _put_aside(place, TORN)


def lay_out_home(slot: Path, name: str) -> Place:
    """Put a fresh copy of one of the homes in its place."""
    for folder in (slot / "home", slot / "moved", slot / "copied", slot / "tmp"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(slot / "templates" / name, slot / "home")
    return Place(slot, slot / "home")


def find_written(slot: Path, name: str) -> str:
    """Which store of the home in its place was written last in the order of a run, as far as files show it."""
    aside, home = slot / "templates" / name, slot / "home"
    before, after = _list_files(aside), _list_files(home)
    changed = {file for file in after if before.get(file) != after[file]}
    if any(file in {"ledger.duckdb", "ledger.duckdb.wal"} for file in changed):
        return "the ledger"
    if any(file.startswith("lake/") for file in changed):
        return "the lake"
    return "other stores" if changed else "nothing"


def _list_files(home: Path) -> dict[str, tuple[int, int]]:
    paths = [path for path in home.rglob("*") if path.is_file()]
    facts = {path.relative_to(home).as_posix(): path.stat() for path in paths}
    return {name: (fact.st_size, fact.st_mtime_ns) for name, fact in facts.items()}


def _put_aside(place: Place, name: str) -> None:
    aside = place.slot / "templates" / name
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(exist_ok=True)
    shutil.copytree(place.home, aside)


def _succeed(place: Place, task: Callable[[], None]) -> None:
    ended = place.do(task, "making")
    if ended.code:
        msg = f"a home for orders could not be made: {ended}"
        raise RuntimeError(msg)


def _spoil() -> None:
    """Give `verify --repair` something of everything: alias, tags, copy and the page of a decision."""
    from mlflow import MlflowClient  # noqa: PLC0415 - imported in the child

    from forest_fire_retrain.core.ledger.promotion import STATUS_TAG, Status  # noqa: PLC0415 - as above
    from forest_fire_retrain.settings import load_settings  # noqa: PLC0415 - as above

    settings = load_settings()
    client = MlflowClient(settings.tracking_uri)
    client.set_registered_model_alias(settings.model_name, "champion", "1")
    client.set_model_version_tag(settings.model_name, "2", STATUS_TAG, Status.ABANDONED.value)
    for path in settings.export_folder.glob("*.parquet"):
        path.unlink()
    next(iter(sorted((settings.records_folder / "decision_page").iterdir()))).unlink()
