"""The demonstration: the same story whenever it begins, and what it needs of the park."""

import datetime as dt
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.demonstration import (
    FILE_NAME,
    plan_demonstration,
    read_demonstration,
    write_demonstration,
)
from forest_fire_retrain.adapters.simulated_settings import (
    Drift,
    DriftKind,
    LateReports,
    MisreadArchive,
    Outage,
    SimulatorConfig,
)
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.windows import Interval

START = dt.date(2020, 1, 6)
ALL = Interval(start=START, end=dt.date(2024, 1, 1))
ENTERED, CORRECTED = dt.date(2023, 3, 5), dt.date(2023, 3, 8)
SWITCHED = {
    "drift": Drift(kind=DriftKind.SUDDEN, start=dt.date(2021, 5, 1)),
    "label_delay": LateReports(start=dt.date(2021, 7, 1), end=dt.date(2021, 8, 1), extra_days=40),
    "outage": Outage(start=dt.date(2022, 2, 1), end=dt.date(2022, 4, 1)),
    "misread_archive": MisreadArchive(start=ENTERED, end=CORRECTED),
}
FIRST_DECISIONS = [dt.date(2025, 5, 19) + dt.timedelta(weeks=n) for n in (-170, 0, 9, 21, 33, 45, 300)]


def fires(config: SimulatorConfig, recorded: Interval = ALL) -> pd.DataFrame:
    return Simulator(config, START).read(recorded).fires.to_pandas()


@pytest.mark.parametrize("n_days", [-1000, 371])
def test_a_shifted_park_delivers_the_same_rows_on_other_days(n_days: int) -> None:
    step = dt.timedelta(days=n_days)
    moved = {
        name: switch.model_copy(
            update={field: getattr(switch, field) + step for field in ("start", "end") if getattr(switch, field, None)}
        )
        for name, switch in SWITCHED.items()
    }
    plain = Simulator(SimulatorConfig(seed=5, **SWITCHED), START)
    other = Simulator(SimulatorConfig(seed=5, shift_days=n_days, **moved), START + step)
    for name in ("weather", "fires"):
        here = getattr(plain.read(ALL), name).to_pandas()
        there = getattr(other.read(ALL.shift(n_days)), name).to_pandas()
        there["date"] = there["date"] - step
        there["recorded_at"] = there["recorded_at"] - step
        pd.testing.assert_frame_equal(here, there)
    truth = [park.true_probability(days)["probability"] for park, days in ((plain, ALL), (other, ALL.shift(n_days)))]
    assert truth[0].equals(truth[1])
    assert plain.name != other.name


def test_a_southern_park_differs_in_its_latitudes_only() -> None:
    north, south = (
        Simulator(SimulatorConfig(seed=5, southern=southern), START).read(ALL) for southern in (False, True)
    )
    assert north.weather.equals(south.weather)
    assert north.fires.equals(south.fires)
    np.testing.assert_allclose(np.subtract(north.cells["latitude"], south.cells["latitude"]), 82.0)


def test_reports_are_in_time_again_from_the_end_of_the_delay_on() -> None:
    late = SimulatorConfig(seed=5, fire_rate=0.05, label_delay=SWITCHED["label_delay"])
    first = fires(late, Interval(start=START, end=dt.date(2024, 6, 1))).groupby("fire_id").first()
    waited = (first.recorded_at.dt.tz_localize(None) - pd.to_datetime(first.date)).dt.days
    inside = (first.date >= dt.date(2021, 7, 2)) & (first.date < dt.date(2021, 8, 1))
    outside = (first.date < dt.date(2021, 7, 1)) | (first.date >= dt.date(2021, 8, 2))
    assert waited[inside].min() >= 40
    assert waited[outside].max() <= 12


def test_a_misread_archive_is_entered_under_recent_years_and_corrected_to_days_before_the_records() -> None:
    plain = fires(SimulatorConfig(seed=5))
    both = fires(SimulatorConfig(seed=5, misread_archive=SWITCHED["misread_archive"]))
    added = both[~both.fire_id.isin(plain.fire_id)]
    pd.testing.assert_frame_equal(both[both.fire_id.isin(plain.fire_id)].reset_index(drop=True), plain)
    entered, corrected = (added[added.recorded_at.dt.date == day].set_index("fire_id") for day in (ENTERED, CORRECTED))
    assert len(entered) + len(corrected) == len(added)
    assert sorted(entered.index) == sorted(corrected.index)
    assert entered.index.is_unique
    assert len(entered) > len(plain[plain.date < dt.date(2023, 1, 1)].fire_id.unique())
    assert entered.date.min() >= START
    assert entered.date.max() < ENTERED - dt.timedelta(days=60)
    assert corrected.date.max() < START
    moved = (pd.to_datetime(entered.date) - pd.to_datetime(corrected.date.loc[entered.index])).dt.days
    assert set(moved) == {1096, 2192, 3288}


def test_a_misread_archive_has_the_same_bits_in_any_slice() -> None:
    config = SimulatorConfig(seed=5, misread_archive=SWITCHED["misread_archive"])
    days = [ALL.start, ENTERED, dt.date(2023, 3, 6), CORRECTED, dt.date(2023, 3, 9), ALL.end]
    park = Simulator(config, START)
    slices = [park.read(Interval(start=start, end=end)).fires for start, end in pairwise(days)]
    assert pa.concat_tables(slices).equals(park.read(ALL).fires)


@pytest.mark.parametrize("first", FIRST_DECISIONS)
def test_the_story_is_the_same_whenever_it_begins(first: dt.date) -> None:
    one, other = plan_demonstration(dt.date(2025, 5, 19)), plan_demonstration(first)
    weeks = [
        Simulator(plan.simulator, plan.start_date).read(Interval(start=plan.start_date, end=end)).fires.to_pandas()
        for plan, end in ((one, dt.date(2025, 11, 24)), (other, first + (dt.date(2025, 11, 24) - dt.date(2025, 5, 19))))
    ]
    assert len(weeks[0]) > 3000
    assert weeks[0].drop(columns=["date", "recorded_at"]).equals(weeks[1].drop(columns=["date", "recorded_at"]))
    hottest = dt.date(2025, 7, 25) + (first - dt.date(2025, 5, 19))
    assert other.simulator.southern == (hottest.month not in range(4, 11)) or hottest.month in {4, 10}


def test_what_was_laid_out_is_read_from_the_home_as_it_was_written(tmp_path: Path) -> None:
    plan = plan_demonstration(dt.date(2026, 5, 25))
    assert read_demonstration(tmp_path) == {}
    write_demonstration(tmp_path / "home", plan)
    assert read_demonstration(tmp_path / "home") == {"start_date": plan.start_date, "simulator": plan.simulator}


@pytest.mark.parametrize("text", ["", "{", '{"start_date": "2024-01-01"}', "\xff"])
def test_a_damaged_file_is_an_error_and_never_another_park(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(ConfigurationError, match="which park this home holds"):
        read_demonstration(tmp_path)
