"""Fill a prediction log from the features in the lake, scored with the real models of the ledger."""

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa

from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS, PredictionKind, Role
from forest_fire_retrain.core.serving.risk_classes import DEFAULT_LIMITS, read_classes
from forest_fire_retrain.core.serving.scored_days import Occasion, ServingModel, log_rows
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.featuring import ROW_ORDER

CLASSES = read_classes(DEFAULT_LIMITS)


def log_predictions(
    installation: Installation,
    days: Sequence[dt.date],
    *,
    kind: PredictionKind = PredictionKind.RETRO,
    scored_at: dt.datetime | None = None,
    version: int | None = None,
    issue: str | None = None,
    role: Role = Role.CHAMPION,
) -> pa.Table:
    """One issue per day, by the champion of then unless `version` says who; the rows that were written."""
    lake, at = installation.lake, scored_at or installation.clock()
    versions = {str(TableName.FEATURES): lake.version(TableName.FEATURES) or 0}
    tables = []
    for day in days:
        window = Interval(start=day, end=day + dt.timedelta(days=1))
        features = lake.read(TableName.FEATURES, day_column="date", window=window).sort_by(ROW_ORDER)
        serving = _serving(installation, day, version)
        occasion = Occasion(
            kind=kind,
            lead_days={},
            table_versions=versions,
            known_at=dict.fromkeys(days, at),
            scored_at=at,
            role=role,
        )
        chances = predict(installation.models.load(serving.candidate.stored), features)
        tables.append(log_rows(features, chances, serving, occasion, CLASSES))
    rows = pa.concat_tables(tables)
    if issue is not None:
        rows = rows.set_column(0, rows.schema.field("issue"), pa.array([issue] * rows.num_rows))
    lake.append(PREDICTIONS, rows)
    return rows


def _serving(installation: Installation, day: dt.date, version: int | None) -> ServingModel:
    name = installation.settings.model_name
    state = fold(installation.ledger.entries(name))
    reign = state.champion_for(day)
    chosen = version or (None if reign is None else reign.version)
    assert chosen is not None, f"no champion on {day}"
    return ServingModel(name, chosen, state.candidates[chosen])
