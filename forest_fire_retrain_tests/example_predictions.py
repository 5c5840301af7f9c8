"""Fill a prediction log from the features in the lake, scored with the real models of the ledger."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.rows.feature_catalogue import INPUTS, feature_version
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.prediction_log import (
    FEATURE_COLUMNS,
    PREDICTIONS,
    PREDICTIONS_SCHEMA,
    PredictionKind,
    Role,
    hash_feature_values,
)
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation

LIMITS = {"low": 0.0, "moderate": 0.01, "high": 0.03, "extreme": 0.1}


class Scoring(NamedTuple):
    """What the rows of an issue share."""

    name: str
    day: dt.date
    kind: PredictionKind
    at: dt.datetime


def log_predictions(
    installation: Installation,
    days: Sequence[dt.date],
    *,
    kind: PredictionKind = PredictionKind.RETRO,
    scored_at: dt.datetime | None = None,
    version: int | None = None,
    issue: str | None = None,
) -> pa.Table:
    """One issue per day, by the champion of then unless `version` says who; the rows that were written."""
    state = fold(installation.ledger.entries(installation.settings.model_name))
    at = scored_at or installation.clock()
    tables = []
    for day in days:
        reign = state.champion_for(day)
        chosen = version or (None if reign is None else reign.version)
        assert chosen is not None, f"no champion on {day}"
        features = installation.lake.read(
            TableName.FEATURES, day_column="date", window=Interval(start=day, end=day + dt.timedelta(days=1))
        ).sort_by("cell_id")
        scoring = Scoring(name=issue or fingerprint_text(f"{day}|{chosen}|{kind}|{at}")[:16], day=day, kind=kind, at=at)
        tables.append(_score(installation, features, scoring, chosen, state.candidates[chosen]))
    rows = pa.concat_tables(tables)
    installation.lake.append(PREDICTIONS, rows)
    return rows


def _score(
    installation: Installation, features: pa.Table, scoring: Scoring, version: int, candidate: Candidate
) -> pa.Table:
    chances = predict(installation.models.load(candidate.stored), features)
    n_rows, used = features.num_rows, feature_version(features.column_names)
    weather = pc.or_(pc.is_valid(features["temp_max_c"]), pc.is_valid(features["precip_mm"]))
    same = {
        "issue": scoring.name,
        "date": scoring.day,
        "role": str(Role.CHAMPION),
        "kind": str(scoring.kind),
        "lead_days": 0,
        "class_limits": json.dumps(LIMITS),
        "model_name": installation.settings.model_name,
        "model_version": version,
        "model_id": candidate.stored.model_uri,
        "candidate_id": candidate.candidate_id,
        "artifact_sha256": candidate.stored.artifact_sha256,
        "feature_version": used,
        "table_versions": json.dumps({"features": installation.lake.version(TableName.FEATURES)}),
        "known_at": scoring.at,
        "scored_at": scoring.at,
        "mlflow_run_id": candidate.stored.mlflow_run_id,
        "dagster_run_id": None,
    }
    columns = {
        **{key: [value] * n_rows for key, value in same.items()},
        "cell_id": features["cell_id"].to_pylist(),
        "probability": chances,
        "expected_fires": -np.log1p(-chances),
        "rank": 1 + (chances[:, None] < chances[None, :]).sum(axis=1),
        "risk_class": [max(LIMITS, key=lambda k: (LIMITS[k] <= chance) * (1 + LIMITS[k])) for chance in chances],
        "has_weather": weather.to_pylist(),
        "feature_hash": hash_feature_values(features, INPUTS[used]),
        **{key: _column(features, key) for key in FEATURE_COLUMNS},
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in PREDICTIONS_SCHEMA}).cast(
        PREDICTIONS_SCHEMA
    )


def _column(features: pa.Table, name: str) -> list[float | None]:
    used = INPUTS[feature_version(features.column_names)]
    return features[name].to_pylist() if name in used else [None] * features.num_rows
