"""Time what people wait for, each beside a baseline in the same run: `python -m forest_fire_retrain_tests.benchmarks`.

Machines are noisy: every figure is the median over repeats, taken in turn with its baseline, and ratios count more
than milliseconds.
"""

import argparse
import datetime as dt
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import export_ledger, read_export
from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.adapters.simulator import Simulator
from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Challenger, ChampionFacts
from forest_fire_retrain.core.decision.case_building import build_case
from forest_fire_retrain.core.decision.scored_rows import NullShares, ScoredHoldout, ScoredRows
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS, compute_features
from forest_fire_retrain.core.rows.fire_weather import advance_day, start_codes
from forest_fire_retrain.core.windows import Interval, WindowPolicy, plan_windows

RULE = DecisionRule()
START = dt.date(2022, 1, 3)
WEEK = dt.timedelta(days=7)


class Timing(NamedTuple):
    """Medians of a measured thing and of its baseline, in milliseconds."""

    what: str
    median_ms: float
    baseline: str
    baseline_ms: float

    @property
    def ratio(self) -> float:
        """How many times faster than the baseline."""
        return self.baseline_ms / self.median_ms


def measure(
    what: str, run: Callable[[], object], baseline: str, run_baseline: Callable[[], object], repeats: int
) -> Timing:
    """Medians over `repeats`, the two in turn after one warm-up each."""
    run(), run_baseline()
    taken: dict[str, list[float]] = {"run": [], "baseline": []}
    for _ in range(repeats):
        for name, call in (("run", run), ("baseline", run_baseline)):
            started = time.perf_counter()
            call()
            taken[name].append(1_000 * (time.perf_counter() - started))
    return Timing(what, statistics.median(taken["run"]), baseline, statistics.median(taken["baseline"]))


def scored_week(week: int, n_cells: int) -> ScoredHoldout:
    """A week of `n_cells` cells at one per cent fires, scored by three models."""
    rng = np.random.default_rng(week)
    n_rows = n_cells * 7
    truth = rng.beta(1, 99, n_rows)
    noisy = [np.clip(truth * np.exp(rng.normal(0, 0.2, n_rows)), 1e-6, 0.5) for _ in range(3)]
    start = START + week * WEEK
    rows = ScoredRows(
        window=Interval(start=start, end=start + WEEK),
        dates=np.repeat(np.arange(7), n_cells) + np.datetime64(start),
        regions=np.tile(np.array(["north-east", "north-west", "south-east", "south-west"], dtype=object), n_rows // 4),
        labels=(rng.random(n_rows) < truth).astype(np.int8),
        challenger=noisy[0],
        climatology=noisy[1],
        champion=noisy[2],
    )
    return ScoredHoldout(rows, f"champion-{week}", None, {"wind_speed_kmh": NullShares(0.0, 0.0)}, n_rows)


def time_decision(repeats: int, n_cells: int = 10_000) -> Timing:
    """A year's evidence pooled and decided, against a bootstrap over a year of single rows."""
    facts = ChampionFacts(
        version=1,
        candidate_id="champion",
        training_hash="c",
        training_cutoff=START - 4 * WEEK,
        prediction_hash="p",
        is_tainted=False,
    )
    policy = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=730, min_training_days=365)
    earlier: list[WindowEvidence] = []
    weeks = [scored_week(week, n_cells) for week in range(52)]

    def decide(week: int) -> WindowEvidence:
        start = START + (week + 2) * WEEK
        windows = plan_windows(Interval(start=start, end=start + WEEK), START - 100 * WEEK, policy)
        challenger = Challenger(f"candidate-{week}", f"t{week}", f"h{week}", windows)
        case = build_case(weeks[week], challenger, facts, earlier=earlier, just_before=earlier, suspect=(), rule=RULE)
        adjudicate(case, RULE)
        return case.newest

    for week in range(51):
        earlier.append(decide(week))  # noqa: PERF401 - each decision sees the ones before it
    gains = np.concatenate([np.log(w.rows.champion / w.rows.challenger) for w in weeks])  # type: ignore[operator]

    def bootstrap_rows() -> None:
        rng = np.random.default_rng(0)
        for _ in range(5):
            gains[rng.integers(0, len(gains), len(gains))].mean()

    return measure(
        f"decide on a year's evidence, {n_cells:,} cells",
        lambda: decide(51),
        "five bootstrap resamples of the year's rows",
        bootstrap_rows,
        repeats,
    )


def time_fire_weather(repeats: int, n_cells: int = 10_000) -> Timing:
    """One day's codes of all cells at once, against a hundredth of the cells one by one."""
    rng = np.random.default_rng(1)
    temp, humidity = rng.uniform(5, 35, n_cells), rng.uniform(10, 95, n_cells)
    wind, rain = rng.uniform(0, 40, n_cells), rng.choice([0.0, 4.0], n_cells)
    latitudes = np.full(n_cells, 40.0)

    def advance(cells: slice) -> None:
        advance_day(
            start_codes(len(temp[cells])),
            month=7,
            latitude=latitudes[cells],
            temp_c=temp[cells],
            rel_humidity_pct=humidity[cells],
            wind_kmh=wind[cells],
            precip_mm=rain[cells],
        )

    def at_once() -> None:
        advance(slice(None))

    def one_by_one() -> None:
        for cell in range(n_cells // 100):
            advance(slice(cell, cell + 1))

    return measure(
        f"fire weather of a day, {n_cells:,} cells",
        at_once,
        "a hundredth of the cells, one by one",
        one_by_one,
        repeats,
    )


def time_features(repeats: int) -> Timing:
    """A week's features with look-back, against rebuilding two years."""
    source = Simulator(SimulatorConfig(n_cells=100), START)
    end = START + 104 * WEEK
    held = source.read(Interval(start=START, end=end))
    engine = DuckDbEngine()

    def compute(first: dt.date) -> object:
        since = first - dt.timedelta(days=WEATHER_LOOK_BACK_DAYS)
        weather = held.weather.filter(np.asarray(held.weather["date"]) >= np.datetime64(since))
        window = Interval(start=first, end=end)
        return compute_features(
            engine,
            cells=held.cells,
            weather=weather,
            fires=held.fires,
            window=window,
            history_start=START,
            carried=None,
        )

    return measure(
        "features of one week, 100 cells",
        lambda: compute(end - WEEK),
        "rebuilding two years",
        lambda: compute(START),
        max(3, repeats // 5),
    )


def time_ledger(repeats: int, folder: Path) -> Timing:
    """One append to a ledger of 500 rows, against reading its lock-free copy."""
    ledger = DuckDbLedger(folder / "ledger.duckdb", patience_seconds=10)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    payload = json.dumps({"figures": [0.123456789] * 600})
    draft = EntryDraft(
        kind=EntryKind.FREEZE,
        model_name="m",
        recorded_at=now,
        actor="a",
        trigger="t",
        summary="s",
        payload_json=payload,
    )
    with ledger.exclusive():
        for _ in range(500):
            ledger.append(draft)
    export_ledger(ledger.entries(), folder / "export")
    return measure(
        "append to a ledger of 500 rows",
        lambda: ledger.append(draft),
        "read its lock-free copy",
        lambda: read_export(folder / "export"),
        repeats,
    )


def main() -> None:
    """Measure everything and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        timings = [
            time_decision(arguments.repeats),
            time_fire_weather(arguments.repeats),
            time_features(arguments.repeats),
            time_ledger(arguments.repeats, Path(folder)),
        ]
    table = pd.DataFrame([{**timing._asdict(), "baseline / it": timing.ratio} for timing in timings])
    print(table.to_json(orient="records", indent=2) if arguments.json else table.round(2).to_string(index=False))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
