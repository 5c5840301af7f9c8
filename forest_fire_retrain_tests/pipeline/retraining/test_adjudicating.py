"""From scored rows to the ledger and the registry: live, the same again, cut, tampered with, held back."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.errors import ArtifactTamperedError, EvidenceError, LedgerLockedError
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, find_first_fault
from forest_fire_retrain.core.ledger.model_card import model_card
from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.ledger.recomputation import recompute
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.models.model_rows import hash_probabilities, predict
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain.pipeline.custody.rolling_back import roll_back
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain.pipeline.retraining.adjudicating import adjudicate_partition
from forest_fire_retrain_tests.example_evidence import GUARDRAIL_CODES, MODEL, draft
from forest_fire_retrain_tests.example_park import (
    EAGER,
    ENGINE,
    N_PARK_CELLS,
    PERIOD_DAYS,
    decided_bench,
    empty_bench,
    stamp_of,
    windows_of,
)

STRICT = DecisionRule()


class CutError(Exception):
    """The process died here."""


# ---- live ----


def test_the_first_candidate_that_beats_climatology_becomes_champion() -> None:
    bench = empty_bench()
    found = bench.decide(0)
    entry = found.entry
    assert (found.standing, entry.outcome, entry.reason_code) == (
        Standing.LIVE,
        Outcome.PROMOTED,
        ReasonCode.INAUGURAL,
    )
    assert bench.kinds() == ["decision", "confirmation"]
    assert bench.champion() == 1
    assert (entry.champion_before, entry.champion_after) == (None, None)
    assert (entry.as_of, entry.recorded_at) == (windows_of(0).as_of, stamp_of(0).recorded_at)
    assert (entry.dagster_run_id, entry.mlflow_run_id) == ("run-of-0", "run-0001")
    assert entry.summary == found.payload.decision.sentence
    (version,) = bench.registry.versions(MODEL)
    assert version.tags["decision_id"] == entry.decision_id
    assert bench.registry.descriptions[MODEL, version.version] == model_card(entry)


def test_the_decision_that_is_acted_on_is_the_one_that_is_recorded() -> None:
    bench = empty_bench()
    found = bench.decide(0, 1)
    assert found.entry == bench.ledger.rows[2]
    assert found.entry.payload_json == found.payload.to_json()
    assert read_payload(found.entry).to_json() == found.payload.to_json()


def test_a_row_is_complete_in_itself() -> None:
    bench = empty_bench()
    found = bench.decide(0, 1)
    payload, question = found.payload, bench.question(1)
    assert (payload.holdout, payload.candidate, payload.rule) == (question.holdout, question.candidate, EAGER)
    assert payload.champion is not None
    assert (payload.champion.version, payload.champion.training_cutoff) == (1, windows_of(0).training_cutoff)
    assert payload.champion.candidate_id == bench.question(0).candidate.candidate_id
    assert tuple(finding.code for finding in payload.guardrails) == GUARDRAIL_CODES
    assert set(payload.quality) == {"candidate", "champion", "climatology"}
    assert len(payload.evidence.fires) == PERIOD_DAYS
    assert payload.evidence.n_rows == N_PARK_CELLS * PERIOD_DAYS
    assert {sums.name for sums in payload.evidence.slices} <= {"north-east", "north-west", "south-east", "south-west"}
    assert found.rows is not None
    assert payload.evidence.n_fires == found.rows.labels.sum() == payload.holdout.n_fires


def test_periods_in_their_order_promote_one_version_each_and_archive_the_one_before() -> None:
    bench = decided_bench(0, 1, 2)
    assert bench.kinds() == ["decision", "confirmation"] * 3
    assert bench.champion() == 3
    statuses = [held.tags["status"] for held in bench.registry.versions(MODEL)]
    assert statuses == ["archived", "archived", "production"]
    assert find_first_fault(bench.ledger.rows) is None


def test_the_champion_is_known_with_what_it_was_promoted_for() -> None:
    bench = empty_bench()
    reasons = [bench.decide(period).entry.reason_code for period in (0, 1)]
    assert reasons == [ReasonCode.INAUGURAL, ReasonCode.REFRESH_NON_INFERIOR]
    facts = bench.decide(2).payload.champion
    assert facts is not None
    assert (facts.version, facts.promoted_for) == (2, ReasonCode.REFRESH_NON_INFERIOR)


def test_a_candidate_that_is_kept_out_is_no_version_and_its_window_is_evidence_for_the_next() -> None:
    bench = empty_bench()
    kept = bench.decide(0, 1, rule=STRICT)
    assert kept.entry.outcome is Outcome.KEPT
    assert bench.champion() == 1
    assert len(bench.registry.versions(MODEL)) == 1
    pooled = bench.decide(2, rule=STRICT)
    assert pooled.payload.used_partitions == (windows_of(1).partition_key,)
    assert pooled.payload.decision.comparison.n_fires == kept.payload.holdout.n_fires + pooled.payload.holdout.n_fires
    assert pooled.payload.decision.comparison.n_blocks == 8


def test_a_row_holds_only_json_that_reads_back() -> None:
    bench = decided_bench(0, 1)
    for period, entry in enumerate(bench.live_decisions().values()):
        payload = DecisionPayload.model_validate_json(entry.payload_json)
        assert payload.candidate.windows == windows_of(period)
        assert payload.evidence.window == windows_of(period).holdout
        assert payload.decision.outcome is entry.outcome


@pytest.mark.slow
def test_every_decision_is_computed_again_from_the_rows_alone() -> None:
    bench = decided_bench(0, 1, 2, 3, 4, 5, rule=STRICT)
    decided = bench.live_decisions()
    assert len(decided) == 6
    for entry in decided.values():
        payload = read_payload(entry)
        again = recompute(payload, decided)
        assert again.model_dump_json() == payload.decision.model_dump_json()
        assert (again.outcome, again.reason_code, again.sentence) == (entry.outcome, entry.reason_code, entry.summary)


# ---- again ----


def test_the_same_partition_again_is_the_existing_decision() -> None:
    bench = empty_bench()
    first = bench.decide(0, 1)
    rows, versions = list(bench.ledger.rows), bench.registry.versions(MODEL)
    again = bench.decide(1)
    assert (again.standing, again.entry, again.rows) == (Standing.EXISTING, first.entry, None)
    assert again.payload.to_json() == first.payload.to_json()
    assert bench.ledger.rows == rows
    assert bench.registry.versions(MODEL) == versions


@pytest.mark.parametrize(
    "point", ["before append", "after append", "before register", "after tag", "after point_champion"]
)
def test_a_run_that_died_anywhere_is_finished_by_running_the_partition_again(point: str) -> None:
    bench = decided_bench(0)

    def die(reached: str) -> None:
        if reached == point:
            raise CutError

    bench.ledger.interrupt = bench.registry.interrupt = die
    with pytest.raises(CutError):
        bench.decide(1)
    bench.ledger.interrupt = bench.registry.interrupt = lambda _point: None
    again = bench.decide(1)
    assert again.standing is (Standing.LIVE if point == "before append" else Standing.EXISTING)
    assert bench.kinds() == ["decision", "confirmation"] * 2
    assert bench.champion() == 2
    assert len(bench.registry.versions(MODEL)) == 2
    assert bench.ledger.depth == 0


def test_a_run_that_died_is_finished_by_the_next_partition_before_it_decides() -> None:
    bench = decided_bench(0)

    def die(reached: str) -> None:
        if reached == "before point_champion":
            raise CutError

    bench.registry.interrupt = die
    with pytest.raises(CutError):
        bench.decide(1)
    bench.registry.interrupt = lambda _point: None
    found = bench.decide(2)
    assert found.entry.champion_before == 2
    assert bench.kinds() == ["decision", "confirmation"] * 3


# ---- tampering ----


@pytest.mark.parametrize("fault", ["tamper", "forget"])
def test_a_champion_that_cannot_be_scored_stays_and_its_window_never_becomes_evidence(fault: str) -> None:
    bench = decided_bench(0)
    stored = bench.question(0).candidate.stored
    model = bench.tracker.models[stored.model_uri]
    getattr(bench.tracker, fault)(stored)
    found = bench.decide(1)
    assert (found.entry.outcome, found.entry.reason_code) == (Outcome.INCONCLUSIVE, ReasonCode.CHAMPION_UNSCORABLE)
    assert stored.model_uri in found.entry.summary
    assert {"tamper": "SHA-256", "forget": "cannot be read"}[fault] in found.entry.summary
    assert recompute(found.payload, bench.live_decisions()) == found.payload.decision
    assert bench.champion() == 1
    assert (found.payload.evidence.champion_version, found.payload.evidence.loss_champion) == (1, ())
    bench.tracker.models[stored.model_uri] = model
    bench.tracker.digests[stored.model_uri] = stored.artifact_sha256
    mended = bench.decide(2)
    assert mended.payload.dropped == {windows_of(1).partition_key: "no usable figures"}
    assert mended.payload.decision.comparison.n_windows == 1


def test_a_candidate_whose_bytes_changed_is_not_judged() -> None:
    bench = empty_bench()
    bench.tracker.tamper(bench.question(0).candidate.stored)
    with pytest.raises(ArtifactTamperedError):
        bench.decide(0)
    assert bench.ledger.rows == []
    assert bench.ledger.depth == 0


def test_a_candidate_that_predicts_something_else_than_at_training_is_not_judged() -> None:
    bench = empty_bench()
    question = bench.question(0)
    other = bench.question(1).candidate.stored
    bench.tracker.models[question.candidate.stored.model_uri] = bench.tracker.models[other.model_uri]
    with pytest.raises(EvidenceError, match=r"the stored candidate .* predicts .* nothing was judged"):
        adjudicate_partition(bench.stores, question, stamp_of(0))
    assert bench.ledger.rows == []


def test_a_candidate_of_another_holdout_is_not_judged() -> None:
    bench = empty_bench()
    question = bench.question(0)._replace(candidate=bench.question(1).candidate)
    with pytest.raises(EvidenceError, match="the candidate was trained for another holdout set; nothing was judged"):
        adjudicate_partition(bench.stores, question, stamp_of(0))
    assert bench.ledger.rows == []


def test_while_another_process_writes_nothing_is_decided() -> None:
    bench = empty_bench()
    bench.ledger.held_elsewhere = True
    with pytest.raises(LedgerLockedError):
        bench.decide(0)
    assert bench.registry.versions(MODEL) == []


def test_a_guardrail_that_blocks_period_after_period_is_counted_and_raises_an_alert() -> None:
    bench = decided_bench(0)
    strict = EAGER.model_copy(update={"rank_shift_max": 1e-9})
    decided = [bench.decide(period, rule=strict) for period in (1, 2, 3)]
    assert {found.entry.reason_code for found in decided} == {ReasonCode.RANK_SHIFT}
    facts = [
        (found.payload.case_facts["blocked_by"], found.payload.case_facts["blocked_in_a_row"]) for found in decided
    ]
    assert facts == [(None, 0), ("RANK_SHIFT", 1), ("RANK_SHIFT", 2)]
    assert [len(found.payload.decision.alerts) for found in decided] == [0, 0, 1]
    assert "RANK_SHIFT has blocked 3 periods in a row" in decided[2].payload.decision.alerts[0]
    assert recompute(decided[2].payload, bench.live_decisions()) == decided[2].payload.decision
    assert bench.decide(4).payload.case_facts["blocked_in_a_row"] == 3
    assert bench.decide(5).payload.case_facts["blocked_by"] is None


# ---- held back ----


def test_a_freeze_holds_promotions_back_until_its_day() -> None:
    bench = decided_bench(0)
    until = windows_of(2).as_of
    at = bench.ledger.rows[-1].recorded_at
    bench.ledger.append(draft(EntryKind.FREEZE, payload={"until": until.isoformat()}, recorded_at=at))
    frozen = bench.decide(1)
    assert (frozen.entry.outcome, frozen.entry.reason_code) == (Outcome.KEPT, ReasonCode.FROZEN)
    assert bench.champion() == 1
    assert bench.decide(2).entry.outcome is Outcome.PROMOTED
    assert bench.champion() == 2


class Trebled(NamedTuple):
    """A model that predicts three times what another does."""

    model: RiskModel

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.model.feature_names

    def predict_proba(self, features: pd.DataFrame) -> np.ndarray:
        fire = np.minimum(3 * self.model.predict_proba(features)[:, 1], 0.99)
        return np.column_stack([1 - fire, fire])


def test_a_first_champion_predicts_about_what_the_candidate_before_it_does() -> None:
    bench = empty_bench()
    until = windows_of(1).as_of
    bench.ledger.append(draft(EntryKind.FREEZE, payload={"until": until.isoformat()}))
    assert bench.decide(0).entry.reason_code is ReasonCode.FROZEN
    unlike = bench.copy()
    uri = unlike.question(0).candidate.stored.model_uri
    unlike.tracker.models[uri] = Trebled(unlike.tracker.models[uri])
    rejected = unlike.decide(1)
    assert (rejected.entry.outcome, rejected.entry.reason_code) == (
        Outcome.REJECTED_BY_GUARDRAIL,
        ReasonCode.PREDICTION_SHIFT,
    )
    assert "the preceding candidate's" in rejected.entry.summary
    assert unlike.champion() is None
    assert bench.decide(1).entry.reason_code is ReasonCode.INAUGURAL


def test_a_quarantined_candidate_is_not_promoted() -> None:
    bench = decided_bench(0, 1)
    candidate = bench.question(2).candidate.candidate_id
    payload = {"target_version": 1, "quarantined_candidate_id": candidate}
    order = draft(EntryKind.ROLLBACK, decision_id="back", champion_before=2, payload=payload)
    bench.ledger.append(order.model_copy(update={"recorded_at": bench.ledger.rows[-1].recorded_at}))
    found = bench.decide(2)
    assert (found.entry.outcome, found.entry.reason_code) == (Outcome.KEPT, ReasonCode.QUARANTINED)
    assert bench.champion() == 1  # the rollback was carried out first
    assert found.payload.champion is not None
    assert found.payload.champion.training_cutoff == windows_of(0).training_cutoff
    assert found.payload.champion.promoted_for is ReasonCode.INAUGURAL


def test_the_same_candidate_is_refused_after_it_was_rolled_back_from() -> None:
    bench = decided_bench(0, 1)
    roll_back(bench.stores, MODEL, to_version=1, reason="bad", freeze_until=None, stamp=stamp_of(1, "back"))
    bad = read_payload(bench.live_decisions()[windows_of(1).partition_key]).candidate
    question = bench.question(2)
    assert bench.copy().decide(2).entry.outcome is Outcome.PROMOTED  # another candidate of that period would win
    rows = read_holdout(bench.lake, ENGINE, question.holdout)
    made_of = {name: getattr(bad, name) for name in ("candidate_id", "training_hash", "recipe", "seed", "stored")}
    predictions = hash_probabilities(predict(bench.tracker.load(bad.stored), rows))
    again = question.candidate.model_copy(update={**made_of, "prediction_hash": predictions})
    found = adjudicate_partition(bench.stores, question._replace(candidate=again), stamp_of(2))
    assert (found.entry.outcome, found.entry.reason_code) == (Outcome.KEPT, ReasonCode.QUARANTINED)
    assert "was rolled back from before" in found.entry.summary
    assert bench.champion() == 1


def test_a_candidate_has_one_name_in_record_ledger_and_registry() -> None:
    bench = decided_bench(0)
    (row,) = bench.live_decisions().values()
    record = Candidate.model_validate_json(bench.question(0).candidate.model_dump_json())
    embedded, evidence = read_payload(row).candidate, read_payload(row).evidence
    tags = bench.registry.versions(MODEL)[0].tags
    assert {record.candidate_id, embedded.candidate_id, evidence.challenger_id, tags["candidate_id"]} == {
        record.candidate_id
    }
    assert fold(bench.ledger.rows).candidates[1].candidate_id == record.candidate_id


def test_an_alias_moved_by_hand_holds_promotions_back_until_it_agrees_again() -> None:
    bench = decided_bench(0, 1)
    bench.registry.move_alias_by_hand(MODEL, 1)
    found = bench.decide(2)
    assert (found.entry.outcome, found.entry.reason_code) == (Outcome.KEPT, ReasonCode.CHAMPION_CHANGED)
    assert bench.kinds()[4:] == ["external", "decision"]
    assert bench.registry.champion(MODEL) == 1
    bench.registry.move_alias_by_hand(MODEL, 2)
    assert bench.decide(3).entry.champion_before == 2
    assert bench.kinds()[6:8] == ["external", "decision"]
