"""How much the days beside a shadow can tell: a champion and the one a quarter of a year older, on days after both.

`python -m forest_fire_retrain_tests.benchmarks.shadow_width --seeds 11 12 13` prints one line per number of days. Parks
are the simulator's default ones from 2019 on, without drift; candidates are trained every thirteen weeks from May 2021.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from forest_fire_retrain.adapters.simulated_settings import SimulatorConfig
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.models.model_rows import label_array, predict
from forest_fire_retrain.core.monitoring.shadow_comparison import PairedDay, describe_pairs
from forest_fire_retrain.core.records import Candidate, Knowledge
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.ingestion import intake_of
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.featuring import build_features
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain_tests.example_installation import NOW, example_installation, throwaway_home
from forest_fire_retrain_tests.example_reigns import train

SPAN = Interval(start=dt.date(2019, 1, 7), end=dt.date(2024, 1, 1))
PERIODS = tuple((dt.date(2021, 5, 3) + number * dt.timedelta(weeks=13)).isoformat() for number in range(10))
N_DAYS = (28, 56, 91)
Figures = tuple[int, float, float, bool]
"""Fires, size of the relative difference, half the width of its interval, whether that leaves zero out."""


def compare_in_park(seed: int) -> Iterator[tuple[int, Figures]]:
    """Number of days, and what they tell of each champion and the one before it."""
    park = example_installation(
        throwaway_home(),
        start_date=SPAN.start,
        min_training_days=730,
        training_window_days=3653,
        recipe_names=("gradient_boosting",),
        simulator=SimulatorConfig(seed=seed),
    )
    ingest_weather(intake_of(park), SPAN)
    ingest_fire_reports(intake_of(park), SPAN)
    build_features(park.lake, park.engine, SPAN, park.settings.calendar)
    candidates = [train(park, key, Knowledge.AS_CORRECTED)[1] for key in PERIODS]
    for former, champion in pairwise(candidates):
        start = champion.windows.as_of
        for n_days in N_DAYS:
            days = _pair(park, champion, former, Interval(start=start, end=start + dt.timedelta(days=n_days)))
            yield n_days, _figures(describe_pairs(days))


def _pair(park: Installation, champion: Candidate, former: Candidate, window: Interval) -> list[PairedDay]:
    features = park.lake.read(TableName.FEATURES, day_column="date", window=window)
    rows = labelled_rows(park.engine, features=features, fires=park.lake.read(TableName.FIRES), known_at=NOW)
    labels, dates = label_array(rows), rows["date"].to_numpy().astype("datetime64[D]")
    chances = [predict(park.models.load(candidate.stored), rows) for candidate in (champion, former)]
    columns = (*chances, *(log_losses(labels, said) for said in chances))
    found = []
    for day in np.unique(dates):
        of_day = dates == day
        sums = (float(column[of_day].sum()) for column in columns)
        found.append(PairedDay(day.astype(object), int(of_day.sum()), int(labels[of_day].sum()), *sums))
    return found


def _figures(told: object) -> Figures:
    assert isinstance(told, dict)
    low, high = told["low"], told["high"]
    return told["n_fires"], abs(told["relative_difference"]), (high - low) / 2, low > 0 or high < 0


def main(seeds: Sequence[int]) -> None:
    """Print medians over all pairs."""
    told = [found for seed in seeds for found in compare_in_park(seed)]
    for n_days in N_DAYS:
        fires, difference, half_width, is_outside = zip(*(row for n, row in told if n == n_days), strict=True)
        sys.stdout.write(
            f"{n_days} days: {len(fires)} pairs, {np.median(fires):g} fires, difference {np.median(difference):.1%}, "
            f"half the interval {np.median(half_width):.1%}, zero outside in {np.mean(is_outside):.0%}\n"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    main(parser.parse_args().seeds)
