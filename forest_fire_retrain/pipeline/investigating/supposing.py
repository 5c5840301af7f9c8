"""What a model would have said of other features: a supposition, made beside the log and never written to it."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import pyarrow as pa

from forest_fire_retrain.core.errors import RefusedRequestError, list_capped
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.serving.contributions import difference, explain_rows
from forest_fire_retrain.core.serving.explanations import Change, WhatIf, break_down
from forest_fire_retrain.core.serving.feature_words import FEATURES, Values, kindred_of, say
from forest_fire_retrain.core.serving.prediction_log import Role
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.explaining import values_of
from forest_fire_retrain.pipeline.investigating.reading_log import MAX_NEAREST, find_prediction
from forest_fire_retrain.pipeline.investigating.reproducing_predictions import frame_for, reproduce_prediction

MISSING = ("", "missing", "none")
"""What stands for a missing value."""
ASK_A_PART = "ask one of its parts by its issue, which forest-fire explain names"
SAME_GENERAL_LEVEL = "The general level is the same: it is the same model"


def suppose(archive: Archive, cell_id: str, day: dt.date, changes: Values, issue: str | None = None) -> WhatIf:
    """The prediction under changed features; the logged one is said again first.

    Parameters
    ----------
    archive : Archive
        What is read.
    cell_id, day, issue
        Which prediction; see `reading_log`.
    changes : mapping
        Feature to the supposed value; `None` is missing.

    Raises
    ------
    RefusedRequestError
        If the log has no such prediction, nothing is changed, or a feature is unknown or infinite.
    NotReproducedError
        If the logged prediction cannot be said again.
    """
    found = find_prediction(archive.lake, cell_id, day, issue)
    if found.prediction.role == Role.MIXTURE:
        msg = f"issue {found.prediction.issue} is a mixture, and no model of its own that could be asked; {ASK_A_PART}"
        raise RefusedRequestError(msg)
    model, row = reproduce_prediction(archive.models, archive.state, found.prediction, found.row)
    refuse_wrong_changes(changes, model)
    supposed = _put_in(row, changes)
    moved = difference(*(explain_rows(model, frame_for(model, rows), archive.trees) for rows in (row, supposed)))
    before = values_of(row, model.feature_names)
    return WhatIf(
        prediction=found.prediction,
        cell_name=found.cell_name,
        changes=tuple(_describe_change(name, before[name], value) for name, value in changes.items()),
        probability=float(predict(model, supposed)[0]),
        difference=break_down(moved, {**before, **changes}, day, general_level=SAME_GENERAL_LEVEL),
        warnings=tuple(_warn(changes, model)),
    )


def parse_changes(texts: Sequence[str]) -> dict[str, float | None]:
    """What a person typed as `NAME=VALUE`; `NAME=missing` takes the value away.

    Raises
    ------
    RefusedRequestError
        If a text is not of that form, or names a feature twice.
    """
    changes: dict[str, float | None] = {}
    for text in texts:
        name, sign, typed = (part.strip() for part in text.partition("="))
        if not sign or not name or name in changes:
            msg = f"{text!r} is not NAME=VALUE with a name of its own; write for example precip_7d_mm=0"
            raise RefusedRequestError(msg)
        changes[name] = None if typed.casefold() in MISSING else _number(name, typed)
    return changes


def refuse_wrong_changes(changes: Values, model: RiskModel) -> None:
    """Refuse changes that the model cannot be asked about.

    Raises
    ------
    RefusedRequestError
        If there is none, or a feature is unknown or not finite; the message names the nearest ones.
    """
    if not changes:
        msg = "nothing is changed, so that there is nothing to suppose; name a feature and a value"
        raise RefusedRequestError(msg)
    for name, value in changes.items():
        if name not in model.feature_names:
            near = get_close_matches(name, model.feature_names, n=MAX_NEAREST, cutoff=0.4)
            shown = f"the nearest: {', '.join(near)}" if near else f"there are {list_capped(model.feature_names, 40)}"
            msg = f"the model takes no feature {name!r}; {shown}"
            raise RefusedRequestError(msg)
        if value is not None and not math.isfinite(value):
            msg = f"{name}={value} is not a number that a measure can have"
            raise RefusedRequestError(msg)


def _number(name: str, typed: str) -> float:
    try:
        return float(typed)
    except ValueError as error:
        msg = f"{name}={typed} is not a number; write for example {name}=0, or {name}=missing"
        raise RefusedRequestError(msg) from error


def _put_in(row: pa.Table, changes: Values) -> pa.Table:
    for name, value in changes.items():
        row = row.set_column(row.column_names.index(name), name, pa.array([value], pa.float64()))
    return row


def _describe_change(name: str, before: float | None, after: float | None) -> Change:
    return Change(
        name=name, before=before, after=after, sentence_before=say(name, before), sentence_after=say(name, after)
    )


def _warn(changes: Mapping[str, float | None], model: RiskModel) -> list[str]:
    warnings = []
    if unused := [name for name in changes if name not in model.used_features]:
        warnings.append(f"The model does not look at {', '.join(unused)}: it had no value in training.")
    if fixed := kindred_of(tuple(changes), model.used_features):
        told = ", ".join(FEATURES[name].name for name in fixed)
        warnings.append(f"What comes from the same measures does not move along, it was left as it was: {told}.")
    return warnings
