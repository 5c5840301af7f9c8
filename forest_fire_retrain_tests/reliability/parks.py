"""Small parks that are retrained in a second, and homes that are made once and copied.

MLflow keeps absolute paths, so a home is made where it will be used: each slot has one place for the
home of a trial, makes its own templates there and puts them aside.
"""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain_tests.reliability.processes import forest_fire, start
from forest_fire_retrain_tests.reliability.shifted_clock import shifted

FIRST_WEEK = dt.date(2024, 7, 29)
"""First period that has 180 days to train on, two weeks of gap and two of label delay."""

RULE = {
    "min_fires": 1,
    "min_blocks": 2,
    "superior_confidence": 0.5,
    "own_window_confidence": 0.999999,
    "refresh_age_days": 1,
    "refresh_confidence": 0.5,
    "refresh_margin": 0.5,
    "refresh_min_gain": -1.0,
    "slice_min_fires": 1000,
    "prediction_jump_max": 1000.0,
    "rank_shift_max": 5.0,
    "calibration_z": 50.0,
    "climatology_confidence": 0.999999,
}
"""A rule that promotes readily: what is tried here is the protocol, which a rule that keeps never runs."""


class Template(NamedTuple):
    """A home with some weeks decided.

    Attributes
    ----------
    name : str
        For people, and of its folder.
    n_decided : int
        How many weeks.
    changes : tuple
        Settings in which it differs from the small park, whenever it is used.
    months : tuple of str, optional
        The first and the last month that are decided in place of weeks, under the usual rule; behind them the
        predictions are looked at, which raises an alarm.
    """

    name: str
    n_decided: int
    changes: tuple[tuple[str, object], ...] = ()
    months: tuple[str, str] | None = None

    @property
    def head(self) -> int:
        """The first week that is not decided yet."""
        return self.n_decided + 1


FRESH = Template("fresh", 0)
"""Nothing decided: the first week is an inaugural promotion."""
REIGNING = Template("reigning", 4)
"""Versions 1 and 2 reigned: the fifth week is a promotion over version 2, and a rollback has a target."""
ALARMED = Template(
    "alarmed",
    0,
    (
        ("CADENCE", "monthly"),
        ("START_DATE", "2023-01-01"),
        ("END_DATE", "2025-07-20"),
        ("MIN_TRAINING_DAYS", 365),
        ("TRAINING_WINDOW_DAYS", 800),
        ("SIMULATOR__FIRE_RATE", 0.06),
        ("SIMULATOR__SEED", 8),
        ("SIMULATOR__DRIFT", json.dumps({"kind": "sudden", "start": "2025-05-01", "strength": 2})),
        ("ACTIVE", "retrain"),
    ),
    ("2025-01-01", "2025-06-01"),
)
"""Version 1 reigned while fires began to follow from weather in another way; an alarm of July asks for a candidate."""
DECIDED = dt.datetime(2025, 7, 1, 6, tzinfo=dt.UTC)
LOOKED = dt.datetime(2025, 7, 14, 8, 30, tzinfo=dt.UTC)
ASKED = "2025-07-14+active"


def week(number: int) -> str:
    """Key of the period with this number, from 1."""
    return (FIRST_WEEK + dt.timedelta(weeks=number - 1)).isoformat()


def park(slot: Path, newest_week: int, changes: Mapping[str, object] | None = None) -> dict[str, str]:
    """Environment of the slot's installation, whose newest closed period is `newest_week`."""
    settings: dict[str, object] = {
        "HOME": slot / "home",
        "START_DATE": "2024-01-01",
        "END_DATE": week(newest_week + 1),
        "MIN_TRAINING_DAYS": 180,
        "TRAINING_WINDOW_DAYS": 400,
        "RECIPE_NAMES": json.dumps(["logistic"]),
        "SIMULATOR__N_CELLS": 6,
        "SIMULATOR__FIRE_RATE": 0.1,
        "SIMULATOR__SEED": 1,
        **{f"ADJUDICATION__{name.upper()}": value for name, value in RULE.items()},
        **(changes or {}),
    }
    temporary = slot / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **{f"FOREST_FIRE_{name}": str(value) for name, value in settings.items()},
        "DAGSTER_HOME": str(slot / "home" / "dagster"),
        "TMPDIR": str(temporary),
    }


def make_template(slot: Path, template: Template) -> None:
    """Make the template's home in `slot` and put it aside."""
    clear(slot)
    environment = park(slot, max(template.n_decided, 1), dict(template.changes))
    if template.months is not None:
        environment = {name: value for name, value in environment.items() if "ADJUDICATION" not in name}
    for task in _steps_to(template):
        ended = start(task, slot / "making", environment).wait()
        if ended.code:
            msg = f"the home {template.name} could not be made: {ended}"
            raise RuntimeError(msg)
    aside = slot / "templates" / template.name
    aside.parent.mkdir(exist_ok=True)
    (slot / "home").rename(aside)


def _steps_to(template: Template) -> list[Callable[[], None]]:
    if template.months is not None:
        first, last = template.months
        behind = dt.datetime.now(dt.UTC) - DECIDED
        return [shifted(forest_fire("backfill", "--from", first, "--to", last), behind), _look]
    if template.n_decided:
        return [forest_fire("backfill", "--from", week(1), "--to", week(template.n_decided))]
    return [_prepare]


def lay_out(slot: Path, template: Template) -> None:
    """Put a fresh copy of the template's home in its place."""
    clear(slot)
    shutil.copytree(slot / "templates" / template.name, slot / "home")


def clear(slot: Path) -> None:
    """Remove the home of the last trial, and what it left among temporary files."""
    for folder in (slot / "home", slot / "tmp"):
        shutil.rmtree(folder, ignore_errors=True)


def _look() -> None:
    """Look at the champion's predictions, as the asset does on a Monday.

    Raises
    ------
    RuntimeError
        If that raises no alarm.
    """
    from forest_fire_retrain import watching  # noqa: PLC0415 - imported in the child
    from forest_fire_retrain.core.monitoring.last_look import QualityState  # noqa: PLC0415 - as above
    from forest_fire_retrain.installation import build_installation  # noqa: PLC0415 - as above
    from forest_fire_retrain.settings import load_settings  # noqa: PLC0415 - as above

    report = watching.look_at_quality(build_installation(load_settings()), LOOKED).report
    if report.state is not QualityState.ALARM:
        msg = f"no alarm was raised: {report.sentence}"
        raise RuntimeError(msg)


def _prepare() -> None:
    """Create the stores of MLflow and Dagster: it takes seconds, and is nothing of the protocol's."""
    from forest_fire_retrain.adapters.mlflow_connection import connect  # noqa: PLC0415 - imported in the child
    from forest_fire_retrain.cli.home import open_instance  # noqa: PLC0415 - as above
    from forest_fire_retrain.settings import load_settings  # noqa: PLC0415 - as above

    settings = load_settings()
    connect(settings.tracking_uri)
    with open_instance(settings) as instance:
        instance.get_runs_count()
