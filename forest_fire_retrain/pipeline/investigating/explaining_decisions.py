"""Explain a decision: on its own rows, where candidate and champion disagree, and which features moved.

Rules
-----
- The scores of both are made again first; where they have another hash than the decision's row, nothing is explained.
- Of a large holdout evenly spaced rows are taken apart; where the two disagree is measured on all rows.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.core.decision.case import ChampionFacts
from forest_fire_retrain.core.decision.regions import region_names
from forest_fire_retrain.core.errors import (
    EvidenceError,
    LakeError,
    NotReproducedError,
    RefusedRequestError,
    RegistryError,
    TrackingError,
    list_capped,
)
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.models.model_rows import hash_probabilities, label_array, predict
from forest_fire_retrain.core.records import StoredModel
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.contributions import Contributions, difference, explain_rows
from forest_fire_retrain.core.serving.decision_explanations import (
    DecisionExplanation,
    Disagreement,
    describe_disagreement,
    describe_general_level,
    describe_moved,
    describe_parts,
    measure_disagreement,
    name_days,
    rank_moved,
    rank_parts,
)
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.reproducing_predictions import frame_for
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout

MAX_ROWS = 20_000
"""Rows that are taken apart at most: a quarter of a millisecond each, twice."""


Scores = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Labels, chances of the champion, chances of the candidate, per row."""


class Replayed(NamedTuple):
    """A decision whose scores were made again.

    Attributes
    ----------
    payload, facts : DecisionPayload, ChampionFacts
        What its row embeds.
    rows : pyarrow.Table
        The holdout.
    champion, candidate : RiskModel
        The two that were compared.
    """

    payload: DecisionPayload
    facts: ChampionFacts
    rows: pa.Table
    champion: RiskModel
    candidate: RiskModel

    @property
    def scores(self) -> Scores:
        """What both say, beside what happened."""
        return label_array(self.rows), predict(self.champion, self.rows), predict(self.candidate, self.rows)


def explain_decision(archive: Archive, partition_key: str) -> DecisionExplanation:
    """Where the two models of a live decision disagree, and why.

    Raises
    ------
    RefusedRequestError
        If the partition was never decided, or there was no champion to disagree with.
    NotReproducedError
        If rows or scores are not those of the decision any more.
    """
    state = archive.state
    payload, facts = _read_decision(state, partition_key)
    try:
        replayed = _replay(archive, state, payload, facts)
    except (EvidenceError, LakeError, RegistryError, TrackingError, NotReproducedError) as error:
        msg = f"the decision of {partition_key} cannot be explained: {error}"
        raise NotReproducedError(msg) from error
    chosen = replayed.rows.take(_choose_rows(replayed.rows.num_rows))
    moved = difference(*(_explain(archive, model, chosen) for model in (replayed.champion, replayed.candidate)))
    return _describe(archive, replayed, moved)


def _read_decision(state: LedgerState, partition_key: str) -> tuple[DecisionPayload, ChampionFacts]:
    entry = state.decisions.get(partition_key)
    if entry is None:
        msg = f"partition {partition_key} was not decided live; there are: {list_capped(list(state.decisions)[-5:])}"
        raise RefusedRequestError(msg)
    payload = read_payload(entry)
    if payload.champion is None:
        msg = f"partition {partition_key}: there was no champion that the candidate could disagree with"
        raise RefusedRequestError(msg)
    return payload, payload.champion


def _replay(archive: Archive, state: LedgerState, payload: DecisionPayload, facts: ChampionFacts) -> Replayed:
    """Rows and both models, if they score as they did."""
    if facts.prediction_hash is None:
        msg = f"version {facts.version} could not be scored then ({facts.fault or 'nobody recorded why'})"
        raise NotReproducedError(msg)
    if facts.version not in state.candidates:
        msg = f"the ledger knows no version {facts.version}. Run: forest-fire verify"
        raise NotReproducedError(msg)
    rows = read_holdout(archive.lake, archive.engine, payload.holdout)
    of_candidate = payload.candidate
    candidate = _load(archive, of_candidate.stored, rows, of_candidate.prediction_hash, "the candidate")
    stored = state.candidates[facts.version].stored
    champion = _load(archive, stored, rows, facts.prediction_hash, f"version {facts.version}")
    return Replayed(payload, facts, rows, champion, candidate)


def _load(archive: Archive, stored: StoredModel, rows: pa.Table, recorded: str, who: str) -> RiskModel:
    model = archive.models.load(stored)
    observed = hash_probabilities(predict(model, rows))
    if observed != recorded:
        msg = (
            f"{who} scores {observed[:12]} on the holdout, {recorded[:12]} was recorded: the packages or the machine "
            "differ from those of then. Run: forest-fire verify"
        )
        raise NotReproducedError(msg)
    return model


def _choose_rows(n_rows: int) -> np.ndarray:
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, MAX_ROWS)).astype(int))


def _explain(archive: Archive, model: RiskModel, rows: pa.Table) -> Contributions:
    return explain_rows(model, frame_for(model, rows), archive.trees)


def _describe(archive: Archive, replayed: Replayed, moved: Contributions) -> DecisionExplanation:
    payload, facts, rows, scores = replayed.payload, replayed.facts, replayed.rows, replayed.scores
    labels = scores[0] == 1
    whole = measure_disagreement("the whole holdout", np.full(rows.num_rows, fill_value=True), *scores)
    with_fire = measure_disagreement("where fires started", labels, *scores) if labels.any() else None
    cells, days, regions = _rank_all_parts(archive, payload, rows, scores)
    features, level = rank_moved(moved), describe_general_level(moved)
    return DecisionExplanation(
        partition_key=payload.holdout.windows.partition_key,
        outcome=payload.decision.outcome,
        reason_code=payload.decision.reason_code,
        sentence=payload.summary,
        champion_version=facts.version,
        candidate_id=payload.candidate.candidate_id,
        holdout=str(payload.holdout.windows.holdout),
        n_explained=len(moved.log_odds),
        whole=whole,
        with_fire=with_fire,
        general_level=level,
        features=features,
        cells=cells,
        days=days,
        regions=regions,
        sentences=(
            *describe_disagreement(whole, with_fire, facts.version, level),
            describe_moved(features),
            describe_parts(cells, days, regions),
        ),
    )


def _rank_all_parts(
    archive: Archive, payload: DecisionPayload, rows: pa.Table, scores: Scores
) -> tuple[tuple[Disagreement, ...], tuple[Disagreement, ...], tuple[Disagreement, ...]]:
    cells = archive.lake.read(TableName.CELLS, version=payload.holdout.snapshot.table_versions[TableName.CELLS])
    ids = cells["cell_id"].to_pylist()
    named = {cell: f"{cell} ({name})" for cell, name in zip(ids, cells["name"].to_pylist(), strict=True)}
    quarters = region_names(cells["latitude"].to_numpy(), cells["longitude"].to_numpy())
    region_of = dict(zip(ids, quarters.tolist(), strict=True))
    of_cell = np.array(rows["cell_id"].to_pylist(), dtype=object)
    dates = rows["date"].to_numpy().astype("datetime64[D]").astype(object)
    regions = np.array([region_of[cell] for cell in of_cell], dtype=object)
    return (
        rank_parts(of_cell, dict(named), scores),
        rank_parts(dates, name_days(dates), scores),
        rank_parts(regions, {}, scores),
    )
