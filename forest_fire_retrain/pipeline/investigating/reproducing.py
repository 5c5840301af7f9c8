"""Train a recorded candidate again from what its decision pins, and say whether the same model comes of it.

Rules
-----
- Everything that goes in is the decision's own: table versions, instant, windows, recipe, seed, threads. Only packages,
  code and machine are those of today.
- What is compared: the training rows' hash, and the probabilities on the decision's holdout, bit for bit, with what was
  recorded and with what the stored model predicts now.
- Whatever differs from then is named, also where it had no effect.
- Nothing is written.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.core.errors import ConfigurationError, EvidenceError, LakeError, RegistryError, TrackingError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.losses import MIN_PROBABILITY
from forest_fire_retrain.core.models.environment import granted_threads
from forest_fire_retrain.core.models.model_rows import hash_probabilities, predict
from forest_fire_retrain.core.models.ports import ModelStore
from forest_fire_retrain.core.records import Candidate, Environment, HoldoutSet, Record
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.pipeline.investigating.finding_decisions import Named
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain.pipeline.preparing.reading_training import (
    RowFacts,
    Sampler,
    TrainingRows,
    draw_all,
    read_training,
)
from forest_fire_retrain.pipeline.retraining.training_candidates import fit_and_score, sampler_of

TOLERANCE = MIN_PROBABILITY
"""Largest difference of a probability that counts as none: the smallest probability that a model of this project states
(1e-6). It lies far below what tells two cells apart, and above what another order of summation does to a probability.
"""


class Match(StrEnum):
    """How near the candidate trained again comes to the recorded one."""

    EXACT = "EXACT"
    WITHIN_TOLERANCE = "WITHIN TOLERANCE"
    DIFFERENT = "DIFFERENT"


class Cause(StrEnum):
    """Where something differs from when the candidate was trained."""

    ENVIRONMENT = "environment"
    CODE = "code"
    DATA = "data"
    THREADS = "threads"
    ARTIFACT = "artifact"
    UNKNOWN = "unknown"


class Finding(Record):
    """One thing that differs from when the candidate was trained."""

    cause: Cause
    sentence: str


class Reproduction(Record):
    """What came of training a recorded candidate again.

    Attributes
    ----------
    match : Match
        The answer.
    findings : tuple of Finding
        What differs from then: the reasons where the candidates differ, without effect where they do not.
    partition_key, decision_id, ledger_row : str, str, int
        The live decision.
    version : int, optional
        What its candidate became in the registry; `None` where it was not promoted.
    candidate_id, recipe, seed, n_threads : str, str, int, int
        What was trained, and how.
    table_versions : dict
        Delta table name to the version that was read.
    n_rows, n_holdout_rows : int
        Training rows, and rows whose probabilities were compared, as recorded.
    training_hash, prediction_hash : str
        As recorded.
    training_hash_again, prediction_hash_again : str, optional
        As computed now; `None` where they could not be.
    largest_difference : float, optional
        Of a probability, between the candidate trained again and the stored one; `None` where they could not be
        compared.
    tolerance : float
        Up to which difference candidates count as the same.
    """

    match: Match
    findings: tuple[Finding, ...]
    partition_key: str
    decision_id: str
    ledger_row: int
    version: int | None
    candidate_id: str
    recipe: str
    seed: int
    n_threads: int
    table_versions: dict[str, int]
    n_rows: int
    n_holdout_rows: int
    training_hash: str
    training_hash_again: str | None
    prediction_hash: str
    prediction_hash_again: str | None
    largest_difference: float | None
    tolerance: float = TOLERANCE

    @property
    def is_reproduced(self) -> bool:
        """Whether the candidate trained again is, up to the tolerance, the recorded one."""
        return self.match is not Match.DIFFERENT


class _Again(NamedTuple):
    """What was computed again, as far as it could be, and what stood in the way."""

    training: TrainingRows | None
    judged: pa.Table | None
    probabilities: np.ndarray | None
    faults: list[Finding]


def reproduce(
    lake: Lake, engine: SqlEngine, models: ModelStore, *, named: Named, environment: Environment
) -> Reproduction:
    """Train the candidate of a live decision again, and compare.

    Parameters
    ----------
    lake, engine, models : Lake, SqlEngine, ModelStore
        Where the rows and the stored model are read; nothing is written.
    named : Named
        The decision, and its candidate's version if it has one.
    environment : Environment
        Where this runs now.
    """
    payload = read_payload(named.entry)
    candidate, holdout = payload.candidate, payload.holdout
    again = _train_again(lake, engine, candidate, holdout)
    model, lost = _load(models, candidate)
    stored = None if model is None or again.judged is None else predict(model, again.judged)
    difference = _largest_difference(again.probabilities, stored, candidate)
    changes = [*_find_changes(candidate.environment, environment), *_find_other_threads(candidate, model)]
    faults = [*again.faults, *lost]
    match = _judge(candidate, again, stored, faults, difference)
    if match is not Match.EXACT and not faults:
        changes += _find_unsaid(candidate, stored, changes)
    return Reproduction(
        match=match,
        findings=(*faults, *changes),
        partition_key=candidate.windows.partition_key,
        decision_id=str(named.entry.decision_id),
        ledger_row=named.entry.sequence,
        version=named.version,
        candidate_id=candidate.candidate_id,
        recipe=candidate.recipe.name,
        seed=candidate.seed,
        n_threads=candidate.environment.n_threads,
        table_versions=candidate.snapshot.table_versions,
        n_rows=candidate.n_rows,
        n_holdout_rows=holdout.n_rows,
        training_hash=candidate.training_hash,
        training_hash_again=None if again.training is None else again.training.facts.sha256,
        prediction_hash=candidate.prediction_hash,
        prediction_hash_again=None if again.probabilities is None else hash_probabilities(again.probabilities),
        largest_difference=difference,
    )


def _train_again(lake: Lake, engine: SqlEngine, candidate: Candidate, holdout: HoldoutSet) -> _Again:
    """Training rows, holdout rows and probabilities; what cannot be had is `None`, and a fault says why."""
    faults: list[Finding] = []
    training = judged = None
    try:
        training = read_training(
            lake, engine, candidate.snapshot, candidate.windows.training, _sampler_again(candidate)
        )
        faults += _find_other_rows(candidate, training.facts)
    except LakeError as error:
        faults.append(_finding(Cause.DATA, f"The pinned training rows cannot be read: {error}"))
    try:
        judged = read_holdout(lake, engine, holdout)
    except (LakeError, EvidenceError) as error:
        faults.append(_finding(Cause.DATA, f"The pinned holdout rows cannot be had: {error}"))
    if training is None or judged is None:
        return _Again(training, judged, None, faults)
    probabilities, refused = _fit_again(training, judged, candidate)
    return _Again(training, judged, probabilities, [*faults, *refused])


def _sampler_again(candidate: Candidate) -> Sampler:
    """The rows that were learned from; all where that cannot be said, and the fit says why."""
    sampler = sampler_of(candidate.recipe, candidate.seed)

    def draw(labels: np.ndarray) -> tuple[np.ndarray, float]:
        try:
            return sampler(labels)
        except (ConfigurationError, EvidenceError):
            return draw_all(labels)

    return draw


def _fit_again(
    training: TrainingRows, judged: pa.Table, candidate: Candidate
) -> tuple[np.ndarray | None, list[Finding]]:
    try:
        fitted = fit_and_score(
            training, judged, candidate.recipe, seed=candidate.seed, n_threads=candidate.environment.n_threads
        )
    except ConfigurationError as error:
        return None, [_finding(Cause.CODE, f"Today's code refuses the recorded recipe: {error}")]
    except EvidenceError as error:
        return None, [_finding(Cause.DATA, f"Nothing can be learned from the pinned rows: {error}")]
    return fitted.probabilities, []


def _find_other_rows(candidate: Candidate, facts: RowFacts) -> Iterator[Finding]:
    observed = facts.sha256
    if observed != candidate.training_hash:
        yield _finding(
            Cause.DATA,
            f"The {facts.n_rows} training rows at the pinned table versions have the hash {observed[:12]}; "
            f"recorded are {candidate.n_rows} rows with {candidate.training_hash[:12]}",
        )


def _load(models: ModelStore, candidate: Candidate) -> tuple[RiskModel | None, list[Finding]]:
    """The stored model, or why it is not what was recorded."""
    try:
        return models.load(candidate.stored), []
    except (TrackingError, RegistryError) as error:
        return None, [_finding(Cause.ARTIFACT, f"The stored model cannot be compared with: {error}")]


def _largest_difference(again: np.ndarray | None, stored: np.ndarray | None, candidate: Candidate) -> float | None:
    """Between the candidate trained again, the stored one now, and the probabilities that the ledger keeps."""
    if again is None:
        return None
    reference = np.array(candidate.reference_predictions)
    pairs = [(again[: len(reference)], reference), *([] if stored is None else [(again, stored)])]
    return max(float(np.abs(one - other).max(initial=0.0)) for one, other in pairs)


def _judge(
    candidate: Candidate, again: _Again, stored: np.ndarray | None, faults: list[Finding], difference: float | None
) -> Match:
    if faults or again.probabilities is None or stored is None or difference is None:
        return Match.DIFFERENT
    is_recorded = hash_probabilities(again.probabilities) == candidate.prediction_hash
    if is_recorded and np.array_equal(again.probabilities, stored):
        return Match.EXACT
    return Match.WITHIN_TOLERANCE if difference <= TOLERANCE else Match.DIFFERENT


def _find_changes(then: Environment, now: Environment) -> Iterator[Finding]:
    """Python, packages, processor and code that are others than then."""
    if then.python_version != now.python_version:
        yield _finding(Cause.ENVIRONMENT, f"python was {then.python_version}, is {now.python_version}")
    for name in sorted({*then.package_versions, *now.package_versions}):
        was, is_now = (held.package_versions.get(name, "not recorded") for held in (then, now))
        if was != is_now:
            yield _finding(Cause.ENVIRONMENT, f"{name} was {was}, is {is_now}")
    if then.processor not in ("", now.processor):
        yield _finding(Cause.ENVIRONMENT, f"The processor was {then.processor}; here it is {now.processor}")
    if then.code_version != now.code_version:
        yield _finding(
            Cause.CODE, f"The code that trains was version {then.code_version[:12]}, is {now.code_version[:12]}"
        )


def _find_other_threads(candidate: Candidate, model: RiskModel | None) -> Iterator[Finding]:
    recorded = candidate.environment.n_threads
    granted = granted_threads(recorded)
    if granted < recorded:
        yield _finding(Cause.THREADS, f"Training was pinned to {recorded} threads, this machine grants {granted}")
    if model is not None and model.n_threads != recorded:
        yield _finding(
            Cause.THREADS, f"The row says that training was pinned to {recorded}, the stored model to {model.n_threads}"
        )


def _find_unsaid(candidate: Candidate, stored: np.ndarray | None, changes: list[Finding]) -> Iterator[Finding]:
    """What explains a difference that nothing recorded explains."""
    if stored is not None and hash_probabilities(stored) != candidate.prediction_hash:
        yield _finding(
            Cause.ENVIRONMENT,
            "The stored model itself predicts something else here than at its training: packages or processor differ",
        )
    elif not candidate.environment.processor:
        yield _finding(
            Cause.UNKNOWN,
            "The row does not say on which processor the model was trained; another one changes the last bits",
        )
    elif not changes:
        yield _finding(Cause.UNKNOWN, "Rows, packages, processor, code and threads are those of then")


def _finding(cause: Cause, words: str) -> Finding:
    return Finding(cause=cause, sentence=f"{' '.join(words.split()).rstrip('.')}.")
