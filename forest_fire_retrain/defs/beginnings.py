"""Where partitions begin: where decisions and predictions begin, not where the data would first allow one.

Rules
-----
- Periods begin with the oldest one that was decided or replayed; where there is none, with the oldest that
  `forest-fire up` would decide. Days begin with the oldest predicted one; where there is none, with today.
- A run notes its oldest partition in the home before its first step. What was noted once only moves back: a partition
  that may hold a materialization never disappears, and `backfill --from` brings earlier ones.
- An active period begins nothing: a scheduled one was decided before it.
- Nothing begins before the first trainable period, or the first day after it.
- Every process that loads the definitions of a home on the same day finds the same beginnings.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pyarrow.compute as pc

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.periods import align_to_cadence, is_active, period_starting
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS
from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain.settings import Settings

FILE = "partitions_begin.json"
PERIODS, DAYS = "periods", "days"
PARTITION_TAG, RANGE_START_TAG = "dagster/partition", "dagster/asset_partition_range_start"
DAY = dt.timedelta(days=1)


class Beginnings(NamedTuple):
    """Start of the first retraining period, and the first day, that the UI shows."""

    periods: dt.date
    days: dt.date


def find_beginnings(settings: Settings, lake: Lake, clock: Callable[[], dt.datetime]) -> Beginnings:
    """Where the partitions of a home begin; a copy or lake that cannot be read does not keep Dagster from loading.

    The `clock` is only asked where nothing was decided or predicted yet.
    """
    noted = read_noted(settings.dagster_home)
    return Beginnings(
        _first_period(settings, clock, noted.get(PERIODS)), _first_day(settings, lake, clock, noted.get(DAYS))
    )


def read_noted(folder: Path) -> dict[str, dt.date]:
    """What runs noted; nothing where there is no note or it cannot be read."""
    try:
        held = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {name: dt.date.fromisoformat(held[name]) for name in (PERIODS, DAYS) if name in held}
    except (OSError, ValueError, TypeError):
        return {}


def note_beginning(folder: Path, name: str, day: dt.date) -> None:
    """Let the partitions `name` begin on `day`, unless they begin earlier already.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    noted = read_noted(folder)
    if name in noted and noted[name] <= day:
        return
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({key: value.isoformat() for key, value in {**noted, name: day}.items()}, indent=2)
    with written_beside(folder / FILE) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def note_run(instance: dg.DagsterInstance, tags: Mapping[str, str], name: str) -> None:
    """Note the oldest partition of a run beside the instance it is recorded in; a run without partitions has none."""
    key = tags.get(RANGE_START_TAG) or tags.get(PARTITION_TAG)
    if key is None or is_active(key) or not instance.is_persistent:
        return
    note_beginning(Path(instance.root_directory), name, dt.date.fromisoformat(key))


def _first_period(settings: Settings, clock: Callable[[], dt.datetime], noted: dt.date | None) -> dt.date:
    periods = settings.periods
    known = [*_decided(settings), *([] if noted is None else [noted])]
    if known:
        return max(periods.first_start, align_to_cadence(min(known), periods.cadence))
    return min([period.start for period in periods.closed(clock())[-settings.up_periods :]] or [periods.first_start])


def _decided(settings: Settings) -> list[dt.date]:
    """Starts of the periods that the ledger's copy knows a decision or a replay of."""
    try:
        rows = read_export(settings.export_folder)
    except ForestFireRetrainError:  # `verify` and the checks say so
        return []
    kinds = (EntryKind.DECISION, EntryKind.REPLAY)
    own = [row for row in rows if row.model_name == settings.model_name and row.kind in kinds]
    keys = [row.partition_key for row in own if row.partition_key is not None]
    return [dt.date.fromisoformat(key) for key in keys if not is_active(key)]


def _first_day(settings: Settings, lake: Lake, clock: Callable[[], dt.datetime], noted: dt.date | None) -> dt.date:
    first = first_possible_day(settings)
    known = [day for day in (noted, _oldest_predicted(lake)) if day is not None]
    if known:
        return max(first, min(known))
    today = day_of(clock(), settings.time_zone)
    return max(first, today if settings.end_date is None else min(today, settings.end_date - DAY))


def first_possible_day(settings: Settings) -> dt.date:
    """The first day on which there can be a champion: the one after the first trainable period."""
    periods = settings.periods
    return period_starting(periods.first_start, periods.cadence).end


def _oldest_predicted(lake: Lake) -> dt.date | None:
    try:
        if lake.version(PREDICTIONS) is None:
            return None
        oldest: dt.date | None = pc.min(lake.read(PREDICTIONS, columns=["date"])["date"]).as_py()
    except ForestFireRetrainError:  # whoever predicts is told
        return None
    return oldest
