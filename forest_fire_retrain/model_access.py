"""One line to the model in production: proved first, loaded next, handed on as one local folder.

Rules
-----
- Which version, and which bytes, says the ledger's copy, whose hash chain is checked. The registry's alias, the address
  it leads to and the loader that `MLmodel` names are not asked: whoever can write to MLflow can change them.
- Nothing of a file is interpreted before its SHA-256 was found right.
- Nothing is written but the verified folder.
"""

import datetime as dt
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from forest_fire_retrain.adapters.ledger_export import read_export, refuse_missing_copy
from forest_fire_retrain.adapters.mlflow_models import MlflowModels
from forest_fire_retrain.adapters.model_folders import keep_verified
from forest_fire_retrain.adapters.verified_models import MODEL_FILE, load_verified
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.errors import LedgerTamperedError, RefusedRequestError
from forest_fire_retrain.core.ledger.entries import find_first_fault
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.models.served_model import ServedModel
from forest_fire_retrain.core.moments import read_moment
from forest_fire_retrain.homes import refuse_missing_home
from forest_fire_retrain.production import refuse_unknown_model
from forest_fire_retrain.settings import Settings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


def get_model(
    at: dt.date | dt.datetime | str | None = None,
    *,
    version: int | None = None,
    model_name: str | None = None,
    settings: Settings | None = None,
    folder: Path | str | None = None,
) -> ServedModel:
    """The champion, or the version that was champion at a time, proved and ready to predict.

    Parameters
    ----------
    at : datetime.date, datetime.datetime or str, optional
        A day, which stands for its end in the park's time zone, or an instant, by the wall clock of production; now by
        default.
    version : int, optional
        A version that was champion once, in place of a time.
    model_name : str, optional
        Another registered model than the configured one.
    settings : Settings, optional
        The installation; by default the one that `FOREST_FIRE_*` describe.
    folder : Path or str, optional
        Where verified folders are kept; `cache/models` in the home by default.

    Raises
    ------
    RefusedRequestError
        If there is no such champion or version.
    ArtifactTamperedError
        If a stored file is not as the ledger recorded it; nothing is loaded then.
    LedgerError, TrackingError, HomeError
        If there is no home, the ledger's copy or the artifact cannot be read, or the folder cannot be written.
    """
    settings = settings or load_settings()
    name = model_name or settings.model_name
    state = _read_state(settings, name)
    chosen = _choose(state, name, at, version, settings.time_zone)
    candidate = state.candidates[chosen]
    open_folder = partial(MlflowModels(settings.tracking_uri).open_folder, candidate.stored)
    cache = settings.model_cache if folder is None else Path(folder).expanduser().resolve()
    kept = keep_verified(candidate.stored, cache, open_folder)
    model = load_verified(kept / MODEL_FILE, expected_sha256=candidate.stored.artifact_sha256)
    return ServedModel(model, name, chosen, candidate, str(kept))


def get_model_as_udf(
    spark: "SparkSession",
    at: dt.date | dt.datetime | str | None = None,
    *,
    version: int | None = None,
    model_name: str | None = None,
    settings: Settings | None = None,
    folder: Path | str | None = None,
) -> Callable[..., "Column"]:
    """The same model as a function of Spark columns; see `get_model` and `adapters.spark_scoring.scoring_column`.

    Raises
    ------
    ConfigurationError
        If pyspark is not installed: it is the extra `spark`.
    """
    from forest_fire_retrain.adapters.spark_scoring import scoring_column  # noqa: PLC0415 - the function needs Spark

    served = get_model(at, version=version, model_name=model_name, settings=settings, folder=folder)
    return scoring_column(spark, Path(served.folder), sha256=served.artifact_sha256, feature_names=served.feature_names)


def _read_state(settings: Settings, model_name: str) -> LedgerState:
    refuse_missing_home(settings)
    refuse_missing_copy(settings.ledger_file, settings.export_folder)
    rows = read_export(settings.export_folder)
    fault = find_first_fault(rows)
    if fault is not None:
        msg = f"the ledger's copy in {settings.export_folder} cannot be trusted ({fault}); run: forest-fire verify"
        raise LedgerTamperedError(msg)
    refuse_unknown_model(model_name, sorted({row.model_name for row in rows}))
    return fold([row for row in rows if row.model_name == model_name])


def _choose(
    state: LedgerState, model_name: str, at: dt.date | dt.datetime | str | None, version: int | None, time_zone: str
) -> int:
    known = ", ".join(str(number) for number in sorted({reign.version for reign in state.reigns})) or "none"
    if at is not None and version is not None:
        msg = f"a version ({version}) or a time ({at}) can be asked for, not both"
        raise RefusedRequestError(msg)
    if version is not None:
        if version not in state.candidates:
            msg = f"version {version} of {model_name} was never champion; versions that were: {known}"
            raise RefusedRequestError(msg)
        return version
    text = at if at is None or isinstance(at, str) else at.isoformat()
    instant = None if text is None else read_moment(text, time_zone, read_clock()).instant
    reign = state.champion_on(instant) if instant else next(iter(state.reigns[-1:]), None)
    if reign is None:
        when = "" if instant is None else f" at {instant.isoformat()}"
        first = "" if not state.reigns else f"; the first one came at {state.reigns[0].since.isoformat()}"
        msg = f"{model_name} had no champion{when}{first}; versions that were champion: {known}"
        raise RefusedRequestError(f"{msg}. See: forest-fire history")
    return reign.version
