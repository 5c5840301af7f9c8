"""Rows of the prediction log: ranks, classes, hashes and names that hang on what was said, and on nothing else."""

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.rows.feature_catalogue import FEATURE_VERSION, FEATURES_SCHEMA
from forest_fire_retrain.core.serving.prediction_log import FEATURE_COLUMNS, PREDICTIONS_SCHEMA, PredictionKind
from forest_fire_retrain.core.serving.risk_classes import DEFAULT_LIMITS, RiskClasses, read_classes
from forest_fire_retrain.core.serving.scored_days import (
    Occasion,
    ServingModel,
    hash_features,
    log_rows,
    rank_chances,
)
from forest_fire_retrain_tests.example_models import example_candidate

DAY = dt.date(2026, 7, 1)
CLASSES = read_classes(DEFAULT_LIMITS)
AT_SEVEN = dt.datetime(2026, 7, 1, 7, tzinfo=dt.UTC)
CELLS = ("a", "b", "c")


def features(days: tuple[dt.date, ...] = (DAY,), **changes: object) -> pa.Table:
    """Rows of all cells and days; every feature is its place, and `changes` say what cell b has in its stead."""
    rows = []
    for day in days:
        for place, cell in enumerate(CELLS):
            row: dict[str, object] = dict.fromkeys(FEATURE_COLUMNS, place + 0.25)
            rows.append({"cell_id": cell, "date": day, **row, **(changes if cell == "b" else {})})
    return pa.Table.from_pylist(rows, FEATURES_SCHEMA)


@dataclass
class Scoring:
    """Everything that a row is made of."""

    version: int = 3
    artifact: str = "f" * 64
    classes: RiskClasses = CLASSES
    kind: PredictionKind = PredictionKind.LIVE
    lead_days: dict[dt.date, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=lambda: {"weather": 4})
    at: dt.datetime = AT_SEVEN
    run: str | None = "run-1"

    def rows(self, table: pa.Table, chances: list[float]) -> list[dict[str, object]]:
        stored = StoredModel(mlflow_run_id="r", model_uri="models:/m-1", artifact_sha256=self.artifact)
        days = set(table["date"].to_pylist())
        occasion = Occasion(self.kind, self.lead_days, self.versions, dict.fromkeys(days, self.at), self.at, self.run)
        serving = ServingModel("m", self.version, example_candidate(stored))
        found = log_rows(table, np.array(chances), serving, occasion, self.classes)
        assert found.schema.equals(PREDICTIONS_SCHEMA)
        rows: list[dict[str, object]] = found.to_pylist()
        return rows

    def name(self, table: pa.Table) -> str:
        (name,) = {str(row["issue"]) for row in self.rows(table, [0.1] * table.num_rows)}
        return name


def test_a_row_says_what_was_said_and_from_what() -> None:
    first, second, third = Scoring().rows(features(precip_mm=None), [0.01, 0.5, 0.01])
    assert [row["rank"] for row in (first, second, third)] == [2, 1, 2]
    assert (first["risk_class"], second["risk_class"]) == ("moderate", "extreme")
    assert second["expected_fires"] == pytest.approx(np.log(2))
    assert second["class_limits"] == '{"extreme":0.1,"high":0.02,"low":0.0,"moderate":0.005,"very_high":0.05}'
    assert (first["precip_mm"], second["precip_mm"], second["feature_version"]) == (0.25, None, FEATURE_VERSION)
    assert second["table_versions"] == '{"weather":4}'
    assert (second["model_id"], second["model_version"], second["known_at"]) == ("models:/m-1", 3, AT_SEVEN)


def test_ranks_count_within_each_day() -> None:
    rows = Scoring().rows(features((DAY, DAY + dt.timedelta(days=1))), [0.1, 0.2, 0.3, 0.9, 0.8, 0.7])
    assert [row["rank"] for row in rows] == [3, 2, 1, 1, 2, 3]
    assert len({row["issue"] for row in rows}) == 2


def test_the_name_of_an_issue_hangs_on_everything_that_is_said() -> None:
    plain = Scoring().name(features())
    tomorrow = DAY + dt.timedelta(days=1)
    others = [
        Scoring().name(features(precip_mm=0.1)),
        Scoring().name(features(precip_mm=None)),
        Scoring().name(features().slice(0, 2)),
        Scoring().name(features((tomorrow,))),
        Scoring(version=4).name(features()),
        Scoring(artifact="e" * 64).name(features()),
        Scoring(kind=PredictionKind.RETRO).name(features()),
        Scoring(lead_days={DAY: 1}).name(features()),
        Scoring(classes=read_classes({"low": 0.0, "high": 0.02})).name(features()),
    ]
    assert len({plain, *others}) == 1 + len(others)


def test_the_name_of_an_issue_hangs_on_nothing_else() -> None:
    later = Scoring(versions={"weather": 9}, at=AT_SEVEN + dt.timedelta(hours=3), run=None)
    assert later.name(features()) == Scoring().name(features())


def test_a_column_that_is_added_later_changes_no_hash() -> None:
    name = FEATURE_COLUMNS[-1]
    without = features().drop([name])
    held = Scoring().rows(without, [0.1, 0.1, 0.1])
    nulls = pa.nulls(without.num_rows, pa.float64())
    assert [row["feature_hash"] for row in held] == hash_features(without.append_column(name, nulls))
    assert held[0][name] is None


def test_a_cell_without_any_measure_is_marked() -> None:
    nothing = dict.fromkeys(("temp_max_c", "temp_min_c", "rel_humidity_pct", "wind_speed_kmh", "precip_mm"))
    rows = Scoring().rows(features(**nothing), [0.1, 0.1, 0.1])
    assert [row["has_weather"] for row in rows] == [True, False, True]
    rows = Scoring().rows(features(**{**nothing, "wind_speed_kmh": 3.0}), [0.1, 0.1, 0.1])
    assert all(row["has_weather"] for row in rows)


values = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=64))


@given(first=st.lists(values, min_size=3, max_size=3), second=st.lists(values, min_size=3, max_size=3))
def test_hashes_are_equal_exactly_where_values_are(first: list[float | None], second: list[float | None]) -> None:
    names = FEATURE_COLUMNS[:3]
    tables = [features(**dict(zip(names, row, strict=True))) for row in (first, second)]
    hashes = [hash_features(table)[1] for table in tables]
    bits = [[None if value is None else np.float64(value).tobytes() for value in row] for row in (first, second)]
    assert (hashes[0] == hashes[1]) == (bits[0] == bits[1])


@given(st.lists(st.sampled_from([0.1, 0.2, 0.2000000001, 0.3]), min_size=1, max_size=30))
def test_a_rank_counts_the_cells_that_are_more_dangerous(chances: list[float]) -> None:
    expected = [1 + sum(other > chance for other in chances) for chance in chances]
    assert rank_chances(np.array(chances)).tolist() == expected


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"low": 0.1},
        {"low": 0.0, "also": 0.0},
        {"low": 0.0, "all": 1.0},
        {"low": 0.0, " ": 0.5},
        {"low": float("nan")},
    ],
)
def test_classes_that_leave_a_chance_without_a_name_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="risk classes"):
        read_classes(limits)


@pytest.mark.parametrize(("chance", "name"), [(0.0, "low"), (0.005, "moderate"), (0.00499, "low"), (0.999, "extreme")])
def test_a_chance_belongs_to_the_class_whose_limit_it_reaches(chance: float, name: str) -> None:
    assert CLASSES.classify([chance]) == [name]
