"""Prove that a registered version is still the model the ledger knows.

The registry leads to it, all files of its folder are as recorded, it loads, and it predicts the same bit for bit.
"""

from collections.abc import Sequence

import numpy as np

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import (
    ArtifactTamperedError,
    ForestFireRetrainError,
    RegistryError,
    list_capped,
)
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.promotion import RegistryView
from forest_fire_retrain.core.ledger.state import origin_of
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.records import Candidate, HoldoutSet
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout


def prove_version(stores: Stores, entries: Sequence[LedgerEntry], view: RegistryView, version: int) -> Candidate:
    """The candidate behind a version that is registered, known, whole and predicts what it predicted at training.

    Parameters
    ----------
    stores : Stores
        Where the model and its reference rows lie.
    entries : sequence of LedgerEntry
        The model's rows.
    view : RegistryView
        What the registry shows.
    version : int
        The version to prove.

    Raises
    ------
    RegistryError
        If the version is not registered, was never champion, predicts something else, its bytes have changed, or the
        registry leads to another model.
    TrackingError, LakeError, EvidenceError
        If its artifact, or the rows it is compared on, cannot be had any more.
    """
    if not view.has(version):
        held = ", ".join(str(registered.version) for registered in view.versions) or "none"
        msg = f"version {version} is not in the registry, which holds: {held}"
        raise RegistryError(msg)
    origin = origin_of(entries, version)
    if origin is None:
        msg = f"version {version} was never champion, so the ledger does not know what it was made of"
        raise RegistryError(msg)
    payload = read_payload(origin)
    _refuse_other_predictions(stores, payload.candidate, payload.holdout, version)
    _refuse_other_files(stores, payload.candidate, version)
    _refuse_other_address(stores, origin.model_name, payload.candidate, version)
    _refuse_lost_run(stores, payload.candidate, version)
    return payload.candidate


def find_version_fault(stores: Stores, entries: Sequence[LedgerEntry], view: RegistryView, version: int) -> str | None:
    """Why a version could not be taken into production; `None` if it could."""
    try:
        prove_version(stores, entries, view, version)
    except ForestFireRetrainError as error:
        return str(error)
    return None


def _refuse_other_predictions(stores: Stores, candidate: Candidate, holdout: HoldoutSet, version: int) -> None:
    model = stores.models.load(candidate.stored)
    reference = np.array(candidate.reference_predictions)
    rows = read_holdout(stores.lake, stores.engine, holdout).slice(0, len(reference))
    observed = predict(model, rows)
    if not np.array_equal(observed, reference):
        n_other = int((observed != reference).sum()) if observed.shape == reference.shape else len(reference)
        msg = (
            f"version {version} predicts something else than at its training on {n_other} of {len(reference)} "
            "reference rows: the packages or the machine differ from those it was trained with"
        )
        raise RegistryError(msg)


def _refuse_other_files(stores: Stores, candidate: Candidate, version: int) -> None:
    """`MLmodel` names the code that MLflow loads a model with: it has to be the recorded one too."""
    other = stores.models.find_other_files(candidate.stored)
    if other:
        msg = (
            f"version {version} has {counted(len(other), 'file')} beside the model not as recorded: "
            f"{list_capped(other)}; whoever loads it by MLflow may run something else, get_model() refuses it"
        )
        raise ArtifactTamperedError(msg)


def _refuse_other_address(stores: Stores, model_name: str, candidate: Candidate, version: int) -> None:
    shown, held = stores.registry.address(model_name, version), stores.models.address(candidate.stored)
    if shown is not None and shown.rstrip("/") != held.rstrip("/"):
        msg = (
            f"version {version} leads whoever loads it from the registry to {shown}; the model of the ledger lies at "
            f"{held}: somebody changed the registry. get_model() follows the ledger"
        )
        raise RegistryError(msg)


def _refuse_lost_run(stores: Stores, candidate: Candidate, version: int) -> None:
    fault = stores.models.find_run_fault(candidate.stored)
    if fault is not None:
        msg = f"version {version}: {fault}. Restore the run in MLflow (mlflow runs restore), then: forest-fire verify"
        raise RegistryError(msg)
