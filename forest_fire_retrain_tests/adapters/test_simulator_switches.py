"""The park's reports, its switches, and the settings that set them; nothing before a switch's start changes."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import ValidationError

from forest_fire_retrain.adapters.simulated_fires import fire_probability, longest_wait_days
from forest_fire_retrain.adapters.simulated_settings import (
    Corruption,
    Drift,
    DriftKind,
    LateReports,
    Outage,
    Silence,
    SimulatorConfig,
)
from forest_fire_retrain.adapters.simulated_weather import lay_out_park, simulate_weather
from forest_fire_retrain.adapters.simulator import LOOK_BACK_DAYS, Simulator
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.rows.ports import SourceSlice
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.settings import load_settings

START = dt.date(2020, 1, 6)
YEARS = Interval(start=START, end=dt.date(2024, 1, 1))
ALL_REPORTS = Interval(start=START, end=dt.date(2026, 1, 1))
SWITCH, SWITCH_END = dt.date(2021, 6, 1), dt.date(2022, 6, 1)
SWITCHES: dict[str, dict[str, object]] = {
    "gradual": {"drift": Drift(kind=DriftKind.GRADUAL, start=SWITCH)},
    "sudden": {"drift": Drift(kind=DriftKind.SUDDEN, start=SWITCH)},
    "covariate": {"drift": Drift(kind=DriftKind.COVARIATE, start=SWITCH)},
    "label_delay": {"label_delay": LateReports(start=SWITCH, extra_days=40)},
    "outage": {"outage": Outage(start=SWITCH, end=SWITCH_END)},
    "corruption": {"corruption": Corruption(start=SWITCH, end=SWITCH_END)},
    "silence": {"silence": Silence(start=SWITCH, end=SWITCH_END)},
}


def park(name: str | None = None, **fields: object) -> Simulator:
    return Simulator(SimulatorConfig(seed=11, missing_share=0, **(SWITCHES[name] if name else {}), **fields), START)


PLAIN = park()


def read(simulator: Simulator) -> SourceSlice:
    return simulator.read(ALL_REPORTS)


def frame(simulator: Simulator) -> pd.DataFrame:
    return simulator.read(ALL_REPORTS).fires.to_pandas()


def before(rows: pa.Table, day: dt.date) -> pa.Table:
    return rows.filter(pc.less(rows["date"], day))


def outside(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.or_(pc.less(rows["date"], SWITCH), pc.greater_equal(rows["date"], SWITCH_END)))


def inside(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.and_(pc.greater_equal(rows["date"], SWITCH), pc.less(rows["date"], SWITCH_END)))


def probability(simulator: Simulator) -> np.ndarray:
    """Shape (n_days, n_cells)."""
    return simulator.true_probability(YEARS)["probability"].to_numpy().reshape(YEARS.n_days, -1)


def n_days_before(day: dt.date) -> int:
    return (day - YEARS.start).days


# --- reports


def delays(rows: pd.DataFrame) -> np.ndarray:
    recorded = rows.recorded_at.dt.tz_localize(None).dt.normalize()
    return (recorded - pd.to_datetime(rows.date)).dt.days.to_numpy()


def test_half_of_the_reports_come_within_the_median_delay_and_none_after_the_longest() -> None:
    first = frame(park(fire_rate=0.05, correction_share=0))
    assert first.fire_id.is_unique
    waited = delays(first)
    assert waited.min() == 0
    assert waited.max() == 12
    # Delays 0 and 1 have together the probability 1/2; 5 standard deviations of the share.
    assert (waited <= 1).mean() == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / len(first)))


def test_a_correction_comes_later_and_changes_the_area() -> None:
    config = SimulatorConfig(seed=11, fire_rate=0.05, redated_share=0)
    reports = frame(Simulator(config, START))
    counts = reports.fire_id.value_counts()
    assert set(counts) == {1, 2}
    share = (counts == 2).mean()
    assert share == pytest.approx(config.correction_share, abs=5 * np.sqrt(0.21 / len(counts)))
    pairs = reports[reports.fire_id.isin(counts[counts == 2].index)].sort_values(["fire_id", "recorded_at"])
    first, second = pairs.iloc[::2].reset_index(), pairs.iloc[1::2].reset_index()
    assert (second.recorded_at.dt.date > first.recorded_at.dt.date).all()
    assert (second.recorded_at - first.recorded_at).dt.days.max() <= config.longest_correction_delay_days
    assert (second.area_ha != first.area_ha).all()
    assert (second.date == first.date).all()
    assert (second.cell_id == first.cell_id).all()


def test_a_redated_fire_moves_to_the_day_before_and_was_never_reported_ahead_of_its_date() -> None:
    reports = frame(park(correction_share=1, redated_share=1, median_report_delay_days=0)).sort_values("recorded_at")
    first, last = reports.groupby("fire_id").first(), reports.groupby("fire_id").last()
    assert ((pd.to_datetime(first.date) - pd.to_datetime(last.date)).dt.days == 1).all()
    assert delays(first).min() == 0
    assert delays(last).min() >= 2


@pytest.mark.parametrize("extra_days", [1, 200])
def test_no_report_takes_longer_than_the_longest_wait(extra_days: int) -> None:
    config = SimulatorConfig(
        longest_report_delay_days=0,
        median_report_delay_days=0,
        correction_share=1,
        redated_share=1,
        fire_rate=0.1,
        label_delay=LateReports(start=START, extra_days=extra_days),
    )
    waited = delays(frame(Simulator(config, START)).sort_values("recorded_at").groupby("fire_id").last())
    assert longest_wait_days(config) - 2 <= waited.max() <= longest_wait_days(config)


# --- switches


@pytest.mark.parametrize("name", SWITCHES)
def test_nothing_before_the_start_of_a_switch_changes_and_something_after_it_does(name: str) -> None:
    switched, plain = park(name), PLAIN
    changed = False
    for ours, theirs in zip(read(switched)[1:3], read(plain)[1:3], strict=True):
        assert before(ours, SWITCH).equals(before(theirs, SWITCH))
        changed |= not ours.equals(theirs)
    assert changed
    n_days = n_days_before(SWITCH)
    assert np.array_equal(probability(switched)[:n_days], probability(plain)[:n_days])


@pytest.mark.parametrize("name", ["gradual", "sudden"])
def test_concept_drift_changes_fires_and_not_the_weather(name: str) -> None:
    assert read(park(name)).weather.equals(read(PLAIN).weather)
    after = n_days_before(SWITCH)
    drifted, plain = probability(park(name))[after:], probability(PLAIN)[after:]
    assert (drifted != plain).mean() > 0.99
    assert drifted.mean() == pytest.approx(plain.mean(), rel=0.35)


def test_a_gradual_drift_starts_small_and_ends_where_a_sudden_one_stands_at_once() -> None:
    gradual, sudden, plain = (probability(simulator) for simulator in (park("gradual"), park("sudden"), PLAIN))
    first, last = n_days_before(SWITCH), n_days_before(SWITCH) + 364
    assert np.array_equal(gradual[last:], sudden[last:])
    small, whole = (np.abs(np.log(drifted[first] / plain[first])) for drifted in (gradual, sudden))
    assert (small < 0.01 * whole).all()


def test_covariate_drift_warms_and_dries_the_climate_and_leaves_fires_given_weather_as_they_were() -> None:
    config = SimulatorConfig(seed=11, missing_share=0, **SWITCHES["covariate"])
    ours, theirs = (read(simulator).weather.to_pandas() for simulator in (park("covariate"), PLAIN))
    complete = ours.date >= SWITCH + dt.timedelta(days=365)
    assert (ours.temp_max_c - theirs.temp_max_c)[complete].mean() > 1.5
    assert (ours.rel_humidity_pct - theirs.rel_humidity_pct)[complete].mean() < -4
    assert ours.precip_mm[complete].sum() < 0.95 * theirs.precip_mm[complete].sum()
    days = np.arange(YEARS.start.toordinal() - LOOK_BACK_DAYS, YEARS.end.toordinal())
    cells = lay_out_park(config)
    undrifted = config.model_copy(update={"drift": Drift()})
    given_weather = fire_probability(undrifted, cells, days, simulate_weather(config, cells, days))[LOOK_BACK_DAYS:]
    assert np.array_equal(probability(park("covariate")), given_weather)
    assert given_weather[-365:].mean() > 1.2 * probability(PLAIN)[-365:].mean()


def reports_of_the_years(simulator: Simulator) -> pd.DataFrame:
    """All reports and corrections, by fire, of fires old enough to have had them all."""
    reports = frame(simulator).sort_values(["fire_id", "recorded_at"])
    return reports[reports.groupby("fire_id").date.transform("min") < YEARS.end].reset_index(drop=True)


def test_late_reports_arrive_the_extra_days_later_and_say_the_same() -> None:
    ours, theirs = (reports_of_the_years(park(name, fire_rate=0.1)) for name in ("label_delay", None))
    start = ours.groupby("fire_id").date.transform("min")
    assert len(ours) == len(theirs)
    for name in ("fire_id", "cell_id", "date", "area_ha"):
        assert (ours[name].to_numpy() == theirs[name].to_numpy()).all(), name
    added = (ours.recorded_at - theirs.recorded_at).dt.days
    assert (added[start < SWITCH] == 0).all()
    assert (added[start >= SWITCH] == 40).all()
    assert SWITCH in {*start}


def test_an_outage_loses_the_stated_share_of_the_fires_and_none_outside_it() -> None:
    fields = {"fire_rate": 0.05, "redated_share": 0}
    ours, theirs = read(park("outage", **fields)).fires, read(park(**fields)).fires
    assert outside(ours).equals(outside(theirs))
    kept, all_ids = (pc.unique(inside(rows)["fire_id"]) for rows in (ours, theirs))
    assert pc.all(pc.is_in(kept, all_ids)).as_py()
    lost = 1 - len(kept) / len(all_ids)
    assert lost == pytest.approx(0.85, abs=5 * np.sqrt(0.85 * 0.15 / len(all_ids)))
    assert np.array_equal(probability(park("outage")), probability(PLAIN))


def test_a_corrupted_feed_says_dry_air_for_moist_and_no_rain_and_the_truth_does_not_care() -> None:
    ours, theirs = read(park("corruption")), read(PLAIN)
    assert outside(ours.weather).equals(outside(theirs.weather))
    broken, whole = inside(ours.weather).to_pandas(), inside(theirs.weather).to_pandas()
    assert whole.precip_mm.sum() > 1_000
    assert (broken.precip_mm == 0).all()
    assert (broken.rel_humidity_pct + whole.rel_humidity_pct == 105).all()
    assert broken.rel_humidity_pct.between(5, 100).all()
    untouched = ["cell_id", "date", "temp_max_c", "temp_min_c", "wind_speed_kmh", "recorded_at"]
    assert broken[untouched].equals(whole[untouched])
    assert ours.fires.equals(theirs.fires)
    assert np.array_equal(probability(park("corruption")), probability(PLAIN))


def test_a_silent_feed_delivers_no_row_of_its_days_and_the_truth_does_not_care() -> None:
    ours, theirs = read(park("silence")), read(PLAIN)
    assert ours.weather.equals(outside(theirs.weather))
    assert inside(ours.weather).num_rows == 0 < inside(theirs.weather).num_rows
    assert ours.fires.equals(theirs.fires)
    week = Interval(start=SWITCH, end=SWITCH + dt.timedelta(days=7))
    assert park("silence").read(week).weather.num_rows == 0
    assert np.array_equal(probability(park("silence")), probability(PLAIN))


# --- settings


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n_cells": 3}, "greater than or equal to 4"),
        ({"n_cells": 10_001}, "less than or equal to 10000"),
        ({"fire_rate": 0.5}, "less than or equal to 0.1"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"tempo": 1}, "Extra inputs are not permitted"),
        ({"median_report_delay_days": 13}, r"13, must be at most longest_report_delay_days \(12\)"),
        ({"drift": {"kind": "sudden"}}, "drift.kind is sudden, but drift.start is not set"),
        ({"drift": {"start": SWITCH}}, "drift.start is 2021-06-01, but drift.kind is none"),
        ({"drift": {"kind": "sideways"}}, "'none', 'gradual', 'sudden' or 'covariate'"),
        ({"outage": {"start": SWITCH, "end": SWITCH}}, "outage.start is 2021-06-01, must be before outage.end"),
        ({"corruption": {"start": SWITCH_END, "end": SWITCH}}, r"must be before corruption.end \(2021-06-01\)"),
        ({"label_delay": {"start": SWITCH, "extra_days": 0}}, "greater than or equal to 1"),
        ({"label_delay": {"start": SWITCH, "end": SWITCH}}, "label_delay.start is 2021-06-01, must be before"),
    ],
)
def test_a_wrong_configuration_is_refused_with_what_is_wrong(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SimulatorConfig.model_validate(fields)


def test_every_field_has_a_description_and_the_configuration_cannot_be_changed() -> None:
    for model in (SimulatorConfig, Drift, LateReports, Outage, Corruption, Silence):
        assert all(field.description for field in model.model_fields.values()), model
    with pytest.raises(ValidationError, match="frozen"):
        SimulatorConfig().seed = 3  # type: ignore[misc] # the point of the test


def test_variables_set_the_park(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__SEED", "7")
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__OUTAGE__START", "2024-01-01")
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__OUTAGE__END", "2024-05-01")
    outage = Outage(start=dt.date(2024, 1, 1), end=dt.date(2024, 5, 1))
    assert load_settings().simulator == SimulatorConfig(seed=7, outage=outage)
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__OUTAGE__END", "2023-05-01")
    with pytest.raises(ConfigurationError, match=r"FOREST_FIRE_SIMULATOR__OUTAGE: outage\.start is 2024-01-01"):
        load_settings()
