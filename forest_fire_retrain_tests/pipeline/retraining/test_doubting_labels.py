"""Fires that nobody recorded: the window answers nothing, what was trained on it is tainted, and who lifts the flag."""

import pytest

from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.oversight.decision_alerts import find_doubts
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.pipeline.preparing.snapshots import take_snapshot
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication, adjudicate_partition
from forest_fire_retrain_tests.example_evidence import draft
from forest_fire_retrain_tests.example_park import (
    EAGER,
    PERIOD_DAYS,
    Bench,
    decided_bench,
    empty_bench,
    stamp_of,
    windows_of,
)

pytestmark = pytest.mark.slow

STRICT = DecisionRule()
SUSPECT = "labels suspect there or next to it"
KEYS = [windows_of(period).partition_key for period in range(8)]


def decide_now(bench: Bench, period: int) -> Adjudication:
    """Hold out, train and adjudicate a period on what the lake holds now."""
    snapshot = take_snapshot(bench.lake, windows_of(period), None, Knowledge.LIVE)
    return adjudicate_partition(bench.stores, bench.ask_again(period, snapshot, STRICT), stamp_of(period))


def test_a_window_with_most_fires_unrecorded_answers_nothing_and_taints_what_comes_after() -> None:
    bench = decided_bench(0, rule=STRICT)
    late = bench.remove_fires(1, keep_one_in=7)
    suspect = decide_now(bench, 1)
    assert (suspect.entry.outcome, suspect.entry.reason_code) == (Outcome.INCONCLUSIVE, ReasonCode.LABELS_SUSPECT)
    assert suspect.payload.decision.comparison.n_windows == 0
    neighbour = decide_now(bench, 2)
    assert neighbour.payload.dropped == dict.fromkeys(KEYS[1:3], SUSPECT)
    assert neighbour.entry.reason_code is ReasonCode.TOO_FEW_POSITIVES
    assert neighbour.payload.evidence.challenger_is_tainted  # its training ends within the suspect window
    (alert,) = suspect.payload.decision.alerts
    assert "fewer fires than the season expects" in alert
    # Late reports lift the flag: what is trained now is clean, and what was summed without them stays out.
    bench.lake.append(TableName.FIRES, late)
    lifted = decide_now(bench, 3)
    assert not lifted.payload.evidence.challenger_is_tainted
    assert lifted.payload.dropped == dict.fromkeys(KEYS[1:3], SUSPECT)
    assert lifted.payload.used_partitions == ()


def test_a_person_lifts_the_flag_and_time_does_not() -> None:
    bench = decided_bench(0, rule=STRICT)
    bench.remove_fires(1, keep_one_in=7)
    decide_now(bench, 1)
    later = decide_now(bench, 5)
    assert later.payload.evidence.challenger_is_tainted
    assert later.payload.dropped == {KEYS[1]: SUSPECT}
    window = windows_of(1).holdout.model_dump(mode="json")
    at = bench.ledger.rows[-1].recorded_at
    bench.ledger.append(draft(EntryKind.LABELS_CLEARED, payload={"window": window}, recorded_at=at))
    vouched = decide_now(bench, 6)
    assert not vouched.payload.evidence.challenger_is_tainted
    assert KEYS[1] in vouched.payload.used_partitions


def test_status_names_no_doubt_that_late_reports_have_lifted_while_another_one_taints() -> None:
    bench = decided_bench(0, rule=STRICT)
    late = bench.remove_fires(1, keep_one_in=7)
    bench.remove_fires(4, keep_one_in=7)
    decide_now(bench, 1)
    decide_now(bench, 4)
    assert [doubt.key for doubt in find_doubts(fold(bench.ledger.rows))] == [
        f"labels_doubted/{windows_of(period).holdout.start}" for period in (1, 4)
    ]
    bench.lake.append(TableName.FIRES, late)
    newest = decide_now(bench, 5).payload
    assert newest.evidence.challenger_is_tainted
    assert newest.suspect is not None
    (doubt,) = find_doubts(fold(bench.ledger.rows))
    assert [count.window for count in newest.suspect] == [windows_of(4).holdout]
    assert doubt.key == f"labels_doubted/{windows_of(4).holdout.start}"


def test_a_champion_trained_on_suspect_labels_stays_tainted_when_the_reports_arrive() -> None:
    bench = empty_bench()
    late = bench.remove_fires(1, keep_one_in=7)
    assert decide_now(bench, 1).entry.reason_code is ReasonCode.LABELS_SUSPECT
    decide_now(bench, 2)
    assert decide_now(bench, 3).entry.reason_code is ReasonCode.INAUGURAL
    bench.lake.append(TableName.FIRES, late)
    found = decide_now(bench, 4).payload
    assert found.champion is not None
    assert (found.champion.is_tainted, found.evidence.challenger_is_tainted) == (True, False)
    window = windows_of(1).holdout.model_dump(mode="json")
    at = bench.ledger.rows[-1].recorded_at
    bench.ledger.append(draft(EntryKind.LABELS_CLEARED, payload={"window": window}, recorded_at=at))
    vouched = decide_now(bench, 5).payload
    assert vouched.champion is not None
    assert not vouched.champion.is_tainted


def test_the_gate_counts_the_periods_before_whoever_reigned_unless_a_person_vouched_for_them() -> None:
    wide = EAGER.model_copy(update={"suspect_days": 3 * PERIOD_DAYS})
    bench = decided_bench(0, 1)
    assert bench.champion() == 2
    counted = bench.copy().decide(2, rule=wide).payload.evidence.label_count
    assert counted is not None
    assert counted.window.start == windows_of(0).holdout.start
    assert counted.n_fires == sum(bench.question(period).holdout.n_fires for period in (0, 1, 2))
    window = windows_of(1).holdout.model_dump(mode="json")
    at = bench.ledger.rows[-1].recorded_at
    bench.ledger.append(draft(EntryKind.LABELS_CLEARED, payload={"window": window}, recorded_at=at))
    vouched = bench.decide(2, rule=wide).payload.evidence.label_count
    assert vouched is not None
    assert vouched.window == windows_of(2).holdout
