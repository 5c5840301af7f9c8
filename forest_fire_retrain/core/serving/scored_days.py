"""Rows of the prediction log from features and chances: ranks, classes, hashes, the name of each issue.

Rules
-----
- An issue is named by its content: day, role, kind, lead, model, class limits, and every cell with the hash of its
  features. When it was scored, in which run, and from which table versions plays no part.
- A feature without a value plays no part in a row's hash, so that a column that is added later changes none.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forest_fire_retrain.core.canonical_json import canonical_json, fingerprint_mapping, fingerprint_text
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.rows.feature_catalogue import feature_version
from forest_fire_retrain.core.serving.prediction_log import (
    FEATURE_COLUMNS,
    PREDICTIONS_SCHEMA,
    PredictionKind,
    Role,
)
from forest_fire_retrain.core.serving.risk_classes import RiskClasses

Floats = NDArray[np.float64]

ISSUE_LENGTH = 16
MEASURES = ("temp_max_c", "temp_min_c", "rel_humidity_pct", "wind_speed_kmh", "precip_mm")
ROW_ORDER = [("date", "ascending"), ("cell_id", "ascending")]


class ServingModel(NamedTuple):
    """The version that scores, and the candidate that became it."""

    model_name: str
    version: int
    candidate: Candidate


class Occasion(NamedTuple):
    """What a scoring knew, and when and where it was done.

    Attributes
    ----------
    kind : PredictionKind
        Live, or retro.
    lead_days : mapping
        Day to how far ahead it was predicted; days that are not named were not predicted ahead.
    table_versions : mapping
        Table to the version that was read.
    known_at : mapping
        Day to the instant up to which what was recorded was used.
    scored_at : datetime.datetime
        Now, UTC.
    dagster_run_id : str, optional
        The run.
    role : Role
        What the version is to the department.
    """

    kind: PredictionKind
    lead_days: Mapping[dt.date, int]
    table_versions: Mapping[str, int]
    known_at: Mapping[dt.date, dt.datetime]
    scored_at: dt.datetime
    dagster_run_id: str | None = None
    role: Role = Role.CHAMPION


def log_rows(
    features: pa.Table, probabilities: Floats, serving: ServingModel, occasion: Occasion, classes: RiskClasses
) -> pa.Table:
    """The rows of the log, one per row of `features`, an issue per day, in `PREDICTIONS_SCHEMA`.

    Parameters
    ----------
    features : pyarrow.Table
        Features as the model took them, ordered by (date, cell).
    probabilities : numpy.ndarray
        Chance of a fire start per row, shape (n_rows,).
    serving, occasion, classes
        Which model scored, what it knew, how chances are named.
    """
    version, (days, firsts) = feature_version(features.column_names), _days_of(features)
    features = _with_all_columns(features)
    hashes = hash_features(features)
    n_rows, stored = features.num_rows, serving.candidate.stored
    same: dict[str, object] = {
        "role": occasion.role,
        "kind": occasion.kind,
        "class_limits": classes.to_json(),
        "model_name": serving.model_name,
        "model_version": serving.version,
        "model_id": stored.model_uri,
        "candidate_id": serving.candidate.candidate_id,
        "artifact_sha256": stored.artifact_sha256,
        "feature_version": version,
        "table_versions": canonical_json(dict(occasion.table_versions)),
        "scored_at": occasion.scored_at,
        "mlflow_run_id": stored.mlflow_run_id,
        "dagster_run_id": occasion.dagster_run_id,
    }
    cell_ids = features["cell_id"].to_pylist()
    columns: dict[str, object] = {
        "date": features["date"],
        "cell_id": cell_ids,
        "probability": probabilities,
        "expected_fires": -np.log1p(-probabilities),
        "risk_class": classes.classify(probabilities.tolist()),
        "has_weather": has_weather(features),
        "feature_hash": hashes,
        **{name: features[name] for name in FEATURE_COLUMNS},
        **{name: [value] * n_rows for name, value in same.items()},
    }
    ranks = np.empty(n_rows, dtype=np.int32)
    per_day: dict[str, list[object]] = {"issue": [], "lead_days": [], "known_at": []}
    for day, first, end in zip(days, firsts, [*firsts[1:], n_rows], strict=True):
        part, lead = slice(first, end), occasion.lead_days.get(day, 0)
        ranks[part] = rank_chances(probabilities[part])
        issue = name_issue(day, lead, dict(zip(cell_ids[part], hashes[part], strict=True)), same)
        for name, value in (("issue", issue), ("lead_days", lead), ("known_at", occasion.known_at[day])):
            per_day[name] += [value] * (end - first)
    found = {**columns, **per_day, "rank": ranks}
    return pa.table(
        [_as_column(found[field.name], field.type) for field in PREDICTIONS_SCHEMA], schema=PREDICTIONS_SCHEMA
    )


def rank_chances(probabilities: Floats) -> NDArray[np.int32]:
    """Place of each chance, 1 the highest; equal chances share a place."""
    ordered = np.sort(probabilities)
    n_at_most = np.searchsorted(ordered, probabilities, side="right")
    return np.asarray(len(ordered) - n_at_most + 1, dtype=np.int32)


def hash_features(rows: pa.Table) -> list[str]:
    """SHA-256 per row over the names and values of its features, in the log's order; those without a value left out."""
    values = np.column_stack([_values_of(rows, name) for name in FEATURE_COLUMNS])
    held = ~np.isnan(values)
    patterns, places = np.unique(held, axis=0, return_inverse=True)
    headers = [canonical_json([FEATURE_COLUMNS[place] for place in np.flatnonzero(row)]).encode() for row in patterns]
    little_endian = values.astype("<f8")
    return [
        hashlib.sha256(headers[place] + row[kept].tobytes()).hexdigest()
        for place, row, kept in zip(places.ravel(), little_endian, held, strict=True)
    ]


def has_weather(rows: pa.Table) -> NDArray[np.bool_]:
    """Whether any measure of the day's weather was known, per row."""
    measures = np.column_stack([_values_of(rows, name) for name in MEASURES])
    return np.asarray(~np.isnan(measures).all(axis=1))


def name_issue(day: dt.date, lead_days: int, cells: Mapping[str, str], same: Mapping[str, object]) -> str:
    """The name of an issue, from what it was made of; `cells` are the cells with the hashes of their features."""
    made_of = ("role", "kind", "model_name", "model_version", "artifact_sha256", "class_limits")
    content = {
        **{name: same[name] for name in made_of},
        "date": day.isoformat(),
        "lead_days": lead_days,
        "rows": fingerprint_text(canonical_json(sorted(cells.items()))),
    }
    return fingerprint_mapping(content)[:ISSUE_LENGTH]


def _days_of(features: pa.Table) -> tuple[list[dt.date], list[int]]:
    """The days, and the place of the first row of each."""
    numbers = features["date"].cast(pa.int32()).to_numpy()
    _, firsts = np.unique(numbers, return_index=True)
    return features["date"].take(pa.array(firsts)).to_pylist(), firsts.tolist()


def _with_all_columns(features: pa.Table) -> pa.Table:
    """The features with those of every version; what the table does not have is null."""
    for name in FEATURE_COLUMNS:
        if name not in features.column_names:
            features = features.append_column(name, pa.nulls(features.num_rows, pa.float64()))
    return features


def _values_of(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows[name].to_numpy(), dtype=np.float64)


def _as_column(values: object, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.cast(kind)
    return pa.array(values, kind, from_pandas=True)
