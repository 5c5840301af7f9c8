"""Explain a logged prediction: said again first, then taken apart, beside the cell's history and today's champion.

Rules
-----
- Nothing is explained that cannot be said again to the bit, or whose parts do not add up.
- What today's champion says is an addition: where it cannot be had, the answer says so and stands.
"""

import math

import pyarrow as pa

from forest_fire_retrain.core.errors import (
    EvidenceError,
    ForestFireRetrainError,
    NotReproducedError,
    RegistryError,
    TrackingError,
)
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.reigns import Reign
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.losses import MIN_PROBABILITY
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.serving.contributions import Contributions, difference, explain_rows
from forest_fire_retrain.core.serving.explanations import (
    GENERAL_LEVEL_MOVED,
    ChampionThen,
    Explanation,
    LoggedPrediction,
    SecondOpinion,
    break_down,
    shares_of,
)
from forest_fire_retrain.core.serving.feature_words import Values
from forest_fire_retrain.core.serving.prediction_log import PredictionKind, Role
from forest_fire_retrain.pipeline.investigating.archive import Archive, candidate_behind
from forest_fire_retrain.pipeline.investigating.cell_history import read_history
from forest_fire_retrain.pipeline.investigating.reading_log import Found
from forest_fire_retrain.pipeline.investigating.reproducing_predictions import frame_for, reproduce_prediction

WAS_A_SHADOW = "It was a shadow: it was scored beside the champion, and nobody was served by it."


def explain_found(archive: Archive, found: Found) -> Explanation:
    """Everything that can be said of a logged prediction of one model.

    Raises
    ------
    NotReproducedError
        If it cannot be said again, or does not add up.
    """
    state, prediction = archive.state, found.prediction
    cell_id, day = prediction.cell_id, prediction.date
    model, row = reproduce_prediction(archive.models, state, prediction, found.row)
    values = values_of(row, model.feature_names)
    parts = explain_rows(model, frame_for(model, row), archive.trees)
    reign = find_reign(state, prediction)
    return Explanation(
        prediction=prediction,
        cell_name=found.cell_name,
        champion_then=_describe_champion(archive, state, prediction, reign),
        breakdown=break_down(parts, values, day),
        features=shares_of(parts, values),
        history=read_history(archive.lake, model, cell_id, day, prediction.probability),
        champion_now=_ask_champion_of_today(archive, state, prediction, row, parts),
        other_issues=found.other_issues,
        notes=tuple(_find_notes(found, model, reign)),
    )


def values_of(row: pa.Table, names: tuple[str, ...]) -> Values:
    """Feature to value of the one row, `None` where it is missing."""
    held: dict[str, float | None] = row.select(list(names)).to_pylist()[0]
    return {name: None if value is None or math.isnan(value) else value for name, value in held.items()}


def find_reign(state: LedgerState, prediction: LoggedPrediction) -> Reign | None:
    """The reign that a prediction was made in; `None` if its version was not champion then, and of a shadow.

    That of a live one held when it was scored. A retro one may go by the clock or by partition time: any reign of its
    version that had begun by then will do.
    """
    if prediction.role == Role.SHADOW:
        return None
    if prediction.kind == PredictionKind.LIVE:
        held = state.champion_on(prediction.scored_at)
        return held if held is not None and held.version == prediction.model_version else None
    begun = (
        reign
        for reign in reversed(state.reigns)
        if reign.version == prediction.model_version
        and ((reign.as_of is not None and reign.as_of <= prediction.date) or reign.since.date() <= prediction.date)
    )
    return next(begun, None)


def _describe_champion(
    archive: Archive, state: LedgerState, prediction: LoggedPrediction, reign: Reign | None
) -> ChampionThen:
    version, training = prediction.model_version, candidate_behind(state, prediction).windows.training
    intent = None if reign is None else _intent_of(archive, reign)
    return ChampionThen(
        version=version,
        partition_key=None if intent is None else intent.partition_key,
        why=None if intent is None else intent.summary,
        since=None if reign is None else reign.since,
        until=None if reign is None else reign.until,
        trained_from=training.start,
        trained_until=training.end,
    )


def _intent_of(archive: Archive, reign: Reign) -> LedgerEntry | None:
    return next((entry for entry in archive.entries if entry.decision_id == reign.decision_id), None)


def _ask_champion_of_today(
    archive: Archive, state: LedgerState, prediction: LoggedPrediction, row: pa.Table, then: Contributions
) -> SecondOpinion | None:
    version = state.champion
    if version is None:
        return None
    if state.candidates[version].candidate_id == prediction.candidate_id:
        return SecondOpinion(version=version, probability=prediction.probability)
    try:
        model = archive.models.load(state.candidates[version].stored)
        now = explain_rows(model, frame_for(model, row), archive.trees)
        probability = float(predict(model, row)[0])
    except (NotReproducedError, EvidenceError, RegistryError, TrackingError) as error:
        return SecondOpinion(version=version, fault=_in_one_line(error))
    moved = difference(then, now)
    values = values_of(row, tuple(name for name in moved.feature_names if name in row.column_names))
    return SecondOpinion(
        version=version,
        probability=probability,
        difference=break_down(moved, values, prediction.date, general_level=GENERAL_LEVEL_MOVED),
        was_trained_on_day=prediction.date in state.candidates[version].windows.training,
    )


def _in_one_line(error: ForestFireRetrainError) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _describe_no_reign(prediction: LoggedPrediction) -> str:
    if prediction.role == Role.SHADOW:
        return WAS_A_SHADOW
    return f"By the ledger version {prediction.model_version} was not the champion then."


def _find_notes(found: Found, model: RiskModel, reign: Reign | None) -> list[str]:
    prediction = found.prediction
    notes = []
    if reign is None:
        notes.append(_describe_no_reign(prediction))
    if prediction.kind == PredictionKind.RETRO:
        notes.append("This prediction was made afterwards, on the features as they became final.")
    if not prediction.has_weather:
        notes.append("No weather of the day was known for this cell.")
    if not MIN_PROBABILITY < prediction.probability < 1 - MIN_PROBABILITY:
        notes.append("The chance is held at its limit; the log odds are those before that.")
    if blind := [name for name in model.feature_names if name not in model.used_features]:
        notes.append(f"The model never saw a value of {', '.join(blind)}, and does not look at it.")
    return notes
