"""Random logged predictions are said again to the bit, after upstream corrections and after features were rebuilt.

`python -m forest_fire_retrain_tests.benchmarks.replayed_predictions` makes a home of its own: a park whose champion
changes every week, every day of it predicted as `retro`. It picks predictions at random, the same number from every
reign, corrects the past in the source and in the lake's features, and asks again. With `--configured` it only asks the
home that the settings describe, and changes nothing there.
"""

import argparse
import datetime as dt
import json
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain import ingestion, operations
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_NAMES
from forest_fire_retrain.core.rows.ports import SourceSlice
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.contributions import MAX_DEVIATION, explain_rows
from forest_fire_retrain.core.serving.explanations import LoggedPrediction
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.reading_log import find_prediction, read_predictions
from forest_fire_retrain.pipeline.investigating.reproducing_predictions import frame_for, reproduce_prediction
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.example_installation import example_settings
from forest_fire_retrain_tests.example_reigns import EASY, PARK, ingest, retrain

FIRST_WEEK = dt.date(2025, 7, 7)
WEEK, DAY = dt.timedelta(days=7), dt.timedelta(days=1)
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


class Answer(NamedTuple):
    """A prediction that was said again, and what it is made up of."""

    prediction: LoggedPrediction
    parts: bytes
    chance_on_todays_features: float


class Corrected:
    """The source as it is, but for a past that it tells otherwise: warmer, drier, a tenth of the fires gone."""

    def __init__(self, source: object) -> None:
        self._source = source

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def read(self, recorded: Interval) -> SourceSlice:
        told: SourceSlice = self._source.read(recorded)  # type: ignore[attr-defined] # a `Source`
        weather = told.weather
        for name, change in (("temp_max_c", 2.0), ("temp_min_c", 2.0), ("wind_speed_kmh", 5.0)):
            place = weather.column_names.index(name)
            weather = weather.set_column(place, weather.schema.field(name), pc.add(weather[name], change))
        kept = np.arange(told.fires.num_rows) % 10 != 0
        return told._replace(weather=weather, fires=told.fires.filter(pa.array(kept)))


class Figures(NamedTuple):
    """What was asked and what came of it."""

    n_logged: int
    n_asked: int
    n_reigns: int
    n_reproduced: int
    n_same_parts: int
    n_other_on_todays_features: int
    n_weather_rows_added: int
    n_fire_rows_added: int
    milliseconds_each: float


def make_home(folder: Path, n_weeks: int, recipe: str) -> Installation:
    """A park with a new champion every week, predicted for every day on which one of them reigned."""
    settings = example_settings(folder, adjudication=EASY, simulator=PARK, look_back_days=60, recipe_names=(recipe,))
    installation = build_installation(settings)
    installation.tracker.prepare()
    weeks = [FIRST_WEEK + number * WEEK for number in range(n_weeks)]
    retrain(installation, [week.isoformat() for week in weeks])
    last = weeks[-1] + 2 * WEEK
    ingest(installation, [(weeks[-1] + WEEK).isoformat()])
    n_days = (last - weeks[0] - WEEK).days - 2  # the newest features are not final
    days = [weeks[0] + WEEK + number * DAY for number in range(n_days)]
    operations.predict_days(installation, days, retro=True, now=NOW)
    return installation


def pick(rows: pa.Table, n_asked: int, seed: int) -> list[tuple[str, dt.date, str]]:
    """Cell, day and issue of random predictions, as many of each version as there are."""
    keys = rows.select(["cell_id", "date", "issue", "model_version"]).to_pylist()
    shuffled = [keys[place] for place in np.random.default_rng(seed).permutation(len(keys))]
    seen: Counter[int] = Counter()
    turns = []
    for key in shuffled:
        turns.append((seen[key["model_version"]], len(turns), key))
        seen[key["model_version"]] += 1
    chosen = [key for _, _, key in sorted(turns, key=lambda turn: turn[:2])[:n_asked]]
    return [(key["cell_id"], key["date"], key["issue"]) for key in chosen]


def ask(installation: Installation, keys: list[tuple[str, dt.date, str]]) -> list[Answer]:
    """Say each prediction again, to the bit, and take it apart; raises where that cannot be done."""
    entries = installation.ledger.entries(installation.settings.model_name)
    archive = Archive(installation.lake, installation.engine, installation.models, installation.trees, entries)
    state = archive.state
    today = installation.lake.read(TableName.FEATURES)
    answers = []
    for cell, day, issue in keys:
        found = find_prediction(archive.lake, cell, day, issue)
        model, row = reproduce_prediction(archive.models, state, found.prediction, found.row)
        parts = explain_rows(model, frame_for(model, row), archive.trees)
        assert parts.deviation <= MAX_DEVIATION
        now = today.filter(pc.and_(pc.equal(today["cell_id"], cell), pc.equal(today["date"], pa.scalar(day))))
        answers.append(Answer(found.prediction, parts.by_feature.tobytes(), float(predict(model, now)[0])))
    return answers


def correct_the_past(installation: Installation, n_weeks: int) -> tuple[int, int]:
    """Ingest a source that tells the past otherwise, then put other features in the place of all."""
    lake = installation.lake
    before = lake.read(TableName.WEATHER).num_rows, lake.read(TableName.FIRES).num_rows
    told = Corrected(installation.source)
    name = (FIRST_WEEK + (n_weeks + 1) * WEEK).isoformat()
    corrected = replace(installation, source=told)  # type: ignore[arg-type] # a `Source`
    losses = operations.find_losses(ingestion.intake_of(corrected))
    if losses:
        stamp = operations.Stamp(NOW, "ada", "cli")
        operations.accept_delivery(corrected, reason="the benchmark", stamp=stamp)
    ingest(corrected, [name])
    held = lake.read(TableName.FEATURES)
    for feature in FEATURE_NAMES:
        place = held.column_names.index(feature)
        held = held.set_column(place, held.schema.field(feature), pc.multiply(held[feature], 1.07))
    lake.overwrite(TableName.FEATURES, held)
    weather, fires = lake.read(TableName.WEATHER).num_rows, lake.read(TableName.FIRES).num_rows
    return weather - before[0], fires - before[1]


def measure(installation: Installation, *, n_asked: int, seed: int, n_weeks: int | None) -> Figures:
    """Ask before and, in a home of the benchmark's own, after the past was corrected."""
    rows = read_predictions(installation.lake)
    keys = pick(rows, n_asked, seed)
    before = ask(installation, keys)
    corrected = (0, 0) if n_weeks is None else correct_the_past(installation, n_weeks)
    started = time.perf_counter()
    after = ask(installation, keys)
    taken = time.perf_counter() - started
    return Figures(
        n_logged=rows.num_rows,
        n_asked=len(keys),
        n_reigns=len({answer.prediction.model_version for answer in after}),
        n_reproduced=sum(one.prediction == other.prediction for one, other in zip(before, after, strict=True)),
        n_same_parts=sum(one.parts == other.parts for one, other in zip(before, after, strict=True)),
        n_other_on_todays_features=sum(
            answer.chance_on_todays_features != answer.prediction.probability for answer in after
        ),
        n_weather_rows_added=corrected[0],
        n_fire_rows_added=corrected[1],
        milliseconds_each=1_000 * taken / len(keys),
    )


def main() -> None:
    """Print the figures as JSON; whatever cannot be said again ends the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=12, help="reigns of the home that is made")
    parser.add_argument("--asked", type=int, default=200, help="predictions")
    parser.add_argument("--recipe", default="gradient_boosting", help="what the home's candidates are")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--configured", action="store_true", help="ask the home that the settings describe")
    given = parser.parse_args()
    if given.configured:
        figures = measure(build_installation(load_settings()), n_asked=given.asked, seed=given.seed, n_weeks=None)
    else:
        with tempfile.TemporaryDirectory() as folder:
            home = make_home(Path(folder) / "home", given.weeks, given.recipe)
            figures = measure(home, n_asked=given.asked, seed=given.seed, n_weeks=given.weeks)
    print(json.dumps(figures._asdict(), indent=2))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
