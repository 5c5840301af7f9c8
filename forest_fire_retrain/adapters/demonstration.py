"""The demonstration: a simulated park in which something happens in each phase of its first 26 weekly decisions.

Rules
-----
- The story is written for one calendar and moved as a whole, so that it is the same one whenever it begins.
- What happens is made large, and early, where a later part needs it: the drift begins on the day on which the first
  champion's training ends, so that each window that is judged lies behind it.
- Summer lies where the story has it. A park whose summer falls into the northern winter lies in the south.
- What was laid out is kept in the home, and read from there for ever: neither the clock nor a later release changes
  a row of it.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.adapters.simulated_settings import (
    Drift,
    DriftKind,
    LateReports,
    MisreadArchive,
    SimulatorConfig,
)
from forest_fire_retrain.core.errors import ConfigurationError, HomeError

FILE_NAME = "demonstration.json"
N_DECISIONS = 26
N_CELLS, FIRE_RATE, SEED = 81, 0.02, 4
WEEKS_BEFORE = 112
WRITTEN_FOR, HOTTEST_DATE = dt.date(2025, 5, 19), dt.date(2025, 7, 25)
NORTHERN_SUMMER = (dt.date(2001, 4, 16), dt.date(2001, 10, 15))

DRIFT_WEEK, DRIFT_STRENGTH = -4, 1.0
LATE_WEEKS, LATE_DAYS = (18, 21), 24
MISREAD_DECISIONS = (17, 20)


class Demonstration(BaseModel):
    """What a home of the demonstration holds.

    Attributes
    ----------
    start_date : datetime.date
        First day of the park's records.
    simulator : SimulatorConfig
        The park, and what happens in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_date: dt.date
    simulator: SimulatorConfig


def plan_demonstration(first: dt.date) -> Demonstration:
    """The demonstration whose first decision is about the week that begins on `first`, a Monday."""

    def after(n_weeks: int, n_days: int = 0) -> dt.date:
        return first + dt.timedelta(weeks=n_weeks, days=n_days)

    return Demonstration(
        start_date=after(-WEEKS_BEFORE),
        simulator=SimulatorConfig(
            seed=SEED,
            n_cells=N_CELLS,
            fire_rate=FIRE_RATE,
            shift_days=(first - WRITTEN_FOR).days,
            southern=not _is_northern(HOTTEST_DATE + (first - WRITTEN_FOR)),
            drift=Drift(kind=DriftKind.SUDDEN, start=after(DRIFT_WEEK), strength=DRIFT_STRENGTH),
            label_delay=LateReports(start=after(LATE_WEEKS[0]), end=after(LATE_WEEKS[1]), extra_days=LATE_DAYS),
            misread_archive=MisreadArchive(start=after(MISREAD_DECISIONS[0], -1), end=after(MISREAD_DECISIONS[1])),
        ),
    )


def _is_northern(hottest: dt.date) -> bool:
    """Whether the hottest day lies in the half of the year that is warm in the north."""
    first, last = ((day.month, day.day) for day in NORTHERN_SUMMER)
    return first <= (hottest.month, hottest.day) <= last


def write_demonstration(home: Path, demonstration: Demonstration) -> None:
    """Keep what was laid out in `home`.

    Raises
    ------
    HomeError
        If the home cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with written_beside(home / FILE_NAME) as beside:
            beside.write_text(demonstration.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"{home / FILE_NAME} cannot be written: {error.strerror}; correct the permissions or free disk space"
        raise HomeError(msg) from error


def read_demonstration(home: Path) -> dict[str, Any]:
    """Settings that the home's demonstration stands for; empty where the home has none.

    Raises
    ------
    ConfigurationError
        If the file cannot be read as what it was written as.
    """
    path = home / FILE_NAME
    try:
        return dict(Demonstration.model_validate_json(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        msg = f"{path} cannot be read: it says which park this home holds. Restore it from a copy of the home"
        raise ConfigurationError(msg) from error
