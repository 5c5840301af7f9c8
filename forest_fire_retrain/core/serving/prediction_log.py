"""The prediction log: what the model in production said for a cell and day, and everything needed to say it again.

Rules
-----
- Rows are only added. All rows that were scored for a day in one go are an *issue* of it. The same inputs make the same
  issue, which is written once; newer data make another issue beside it.
- A row holds the very feature values that the model was given, so that it can be scored again years later, whatever
  became of the data and of the code that computes features.
- A row is `live` if it was scored before its day was over, by the champion of that moment. It is `retro` if it was
  asked for later: by the champion of then, on the features as they became final.
- A `shadow` was scored beside the champion, on the same features, and was served to nobody. Its rows are live ones.
- A `mixture` is the weighted mean of what champion and shadows say of the same day (`core.serving.mixing`): it has no
  model of its own, so that its version is 0 and its address names the ledger's row of weights and its parts.
- Instants are UTC, dates are days of the park's time zone.
"""

from enum import StrEnum

import pyarrow as pa

from forest_fire_retrain.core.rows.feature_catalogue import CATALOGUE, RETIRED
from forest_fire_retrain.core.rows.tables import UTC_INSTANT
from forest_fire_retrain.core.serving.log_notes import LOG_TABLE

PREDICTIONS = LOG_TABLE
"""Name of the lake's table."""


class Role(StrEnum):
    """What a scored version is to the department."""

    CHAMPION = "champion"
    SHADOW = "shadow"
    MIXTURE = "mixture"


UNREGISTERED = 0
"""Version of a shadow that was never promoted, and so is none in the registry; `candidate_id` names it. A mixture has
it too."""


class PredictionKind(StrEnum):
    """When a prediction was made."""

    LIVE = "live"
    RETRO = "retro"


def _field(name: str, kind: pa.DataType, description: str, unit: str = "", *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable, {"description": description, "unit": unit})


_KEYS = (
    _field(
        "issue", pa.string(), "Name of the issue, made of its content; said again after another one it has a new name"
    ),
    _field("date", pa.date32(), "Day predicted for"),
    _field("cell_id", pa.string(), "Cell"),
    _field("role", pa.string(), "champion, shadow, or mixture"),
    _field("kind", pa.string(), "live, or retro"),
    _field("lead_days", pa.int32(), "From the day of scoring to the day predicted for; 0 of a retro row", "days"),
)
_ANSWERS = (
    _field("probability", pa.float64(), "Chance that a fire starts"),
    _field("expected_fires", pa.float64(), "Mean number of fire starts, -log(1 - chance)", "fires"),
    _field("rank", pa.int32(), "Place among the cells of the issue, 1 the most dangerous; equal chances share a place"),
    _field("risk_class", pa.string(), "Class of the chance"),
    _field("class_limits", pa.string(), "JSON: class to the least chance that belongs to it"),
    _field("has_weather", pa.bool_(), "Whether any measure of the day's weather was known"),
)
_ORIGIN = (
    _field("model_name", pa.string(), "Registered model"),
    _field("model_version", pa.int32(), "Its version; 0 of a shadow that was never promoted, and of a mixture"),
    _field("model_id", pa.string(), "Address of the stored model; of a mixture its parts and weights, as JSON"),
    _field("candidate_id", pa.string(), "Name of the candidate that became the version"),
    _field("artifact_sha256", pa.string(), "SHA-256 of the artifact that was scored; of a mixture that of `model_id`"),
    _field("feature_version", pa.int32(), "Version of the features"),
    _field("feature_hash", pa.string(), "SHA-256 over the feature values of the row"),
    _field("table_versions", pa.string(), "JSON: table to the version that was read"),
    _field("known_at", UTC_INSTANT, "What was recorded by this instant was used", "UTC"),
    _field("scored_at", UTC_INSTANT, "When it was scored", "UTC"),
    _field("mlflow_run_id", pa.string(), "Run that trained the model"),
    _field("dagster_run_id", pa.string(), "Run that scored it", nullable=True),
)

FEATURE_COLUMNS = tuple(feature.name for feature in (*CATALOGUE, *RETIRED))
"""Model inputs of every feature version, as columns of the log; those that a version does not have are null."""

PREDICTIONS_SCHEMA = pa.schema(
    [
        *_KEYS,
        *_ANSWERS,
        *_ORIGIN,
        *(
            _field(feature.name, pa.float64(), feature.description, feature.unit, nullable=True)
            for feature in (*CATALOGUE, *RETIRED)
        ),
    ]
)
