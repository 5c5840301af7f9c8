"""From a decision to promote, through its shadow time, to what comes of it: carried out or dropped."""

from collections.abc import Callable

import pytest

from forest_fire_retrain.core.decision.evidence_pool import NEXT_TO_SUSPECT
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import LabelCount
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, find_first_fault
from forest_fire_retrain.core.ledger.model_card import model_card
from forest_fire_retrain.core.ledger.recomputation import is_same, recompute
from forest_fire_retrain.core.ledger.redrafting import find_other_columns
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.pipeline.custody.rolling_back import roll_back
from forest_fire_retrain.pipeline.custody.standing_orders import freeze
from forest_fire_retrain.pipeline.preparing.snapshots import take_snapshot
from forest_fire_retrain.pipeline.retraining import judging
from forest_fire_retrain.pipeline.retraining.adjudicating import adjudicate_partition
from forest_fire_retrain.pipeline.retraining.giving_verdicts import GIVE_UP_DAYS, Verdicts
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_park import EAGER, decided_bench, empty_bench, windows_of
from forest_fire_retrain_tests.example_shadow_times import (
    DAY,
    N_DAYS,
    ask,
    decide_with_shadow,
    faults_of,
    hide_fires,
    in_shadow,
    shadow_of,
    shadow_times,
    without_page,
)

# ---- from beginning to end ----


def test_a_candidate_that_would_be_promoted_goes_through_its_shadow_time_first() -> None:
    bench = decided_bench(0)
    found = decide_with_shadow(bench, 1)
    assert bench.kinds() == ["decision", "confirmation", "decision"]
    assert (bench.champion(), len(bench.registry.versions(MODEL))) == (1, 1)
    until = windows_of(1).as_of + N_DAYS * DAY
    assert (found.entry.outcome, found.payload.shadow_until) == (Outcome.PROMOTED, until)
    assert found.entry.summary.startswith(
        f"The candidate of {windows_of(1).partition_key} goes through a shadow time until {until} before it may "
        "replace version 1: "
    )
    assert found.payload.decision.sentence.startswith("Promoted the candidate of ")  # the rule says what it says
    assert faults_of(bench) == []


def test_the_first_champion_needs_none() -> None:
    bench = empty_bench()
    found = decide_with_shadow(bench, 0)
    assert (found.entry.reason_code, found.payload.shadow_until) == (ReasonCode.INAUGURAL, None)
    assert bench.champion() == 1


def test_before_its_day_nothing_is_said_and_on_it_the_verdict_is_carried_out() -> None:
    bench = in_shadow()
    shadow = shadow_of(bench)
    assert ask(bench, shadow.due - DAY) == Verdicts()
    (verdict,) = ask(bench, shadow.due).rows
    assert bench.kinds()[3:] == ["shadow_verdict", "confirmation"]
    assert bench.champion() == 2
    assert verdict.summary.startswith(
        f"After its shadow time from {shadow.days} the candidate of {windows_of(1).partition_key} replaces version 1: "
    )
    assert (verdict.partition_key, verdict.as_of) == (windows_of(1).partition_key, shadow.due)
    assert verdict.decision_id == bench.ledger.rows[2].decision_id
    held = bench.registry.versions(MODEL)[1]
    assert held.tags["decision_id"] == verdict.decision_id
    assert bench.registry.descriptions[MODEL, 2] == model_card(bench.ledger.rows[2])
    assert ask(bench, shadow.due + 100 * DAY) == Verdicts()
    assert faults_of(bench) == []
    assert find_first_fault(bench.ledger.rows) is None


def test_a_verdict_is_complete_in_itself_and_pools_the_windows_that_the_candidate_won_on() -> None:
    bench = in_shadow()
    shadow, decided = shadow_of(bench), read_payload(bench.ledger.rows[2])
    (verdict,) = ask(bench, shadow.due).rows
    payload = read_payload(verdict)
    assert (payload.candidate, payload.rule, payload.holdout.windows) == (
        decided.candidate,
        decided.rule,
        shadow.windows,
    )
    assert payload.used_partitions == (*decided.used_partitions, windows_of(1).partition_key)
    assert payload.evidence.window == shadow.days
    assert payload.decision.comparison.n_blocks == decided.decision.comparison.n_blocks + N_DAYS // 7
    days = [decided.evidence.window, payload.evidence.window]
    assert days[0].end <= days[1].start  # no day counts twice
    assert payload.after_shadow is not None
    assert payload.after_shadow.decided_in == 3
    assert payload.page_sha256 is not None
    assert "The verdict on the shadow time" in str(bench.records.page(payload.page_sha256))
    again = recompute(payload, fold(bench.ledger.rows).decisions)
    assert is_same(payload.decision, again, payload.rule.version)


def test_a_verdict_that_is_given_late_says_what_it_would_have_said_on_its_day() -> None:
    on_time, late = in_shadow(), in_shadow()
    due = shadow_of(on_time).due
    (said,) = ask(on_time, due).rows
    (said_late,) = ask(late, due + 60 * DAY, days_later=5).rows
    assert without_page(said) == without_page(said_late)


def test_the_next_period_ends_it_before_it_is_decided() -> None:
    bench = in_shadow()
    assert windows_of(2).as_of >= shadow_of(bench).due
    found = bench.decide(2)
    assert bench.kinds()[2:6] == ["decision", "shadow_verdict", "confirmation", "decision"]
    assert found.entry.champion_before == 2
    assert [row.kind for row in found.verdicts.rows] == [EntryKind.SHADOW_VERDICT]


def test_reports_that_are_missing_in_the_shadow_days_drop_the_candidate() -> None:
    bench = in_shadow()
    shadow = shadow_of(bench)
    hide_fires(bench, shadow)
    (verdict,) = ask(bench, shadow.due).rows
    assert (verdict.outcome, verdict.reason_code) == (Outcome.INCONCLUSIVE, ReasonCode.LABELS_SUSPECT)
    assert f"is dropped, version 1 stays: 0 fires recorded from {shadow.days}" in verdict.summary
    assert (bench.champion(), shadow_times(bench)) == (1, [])
    assert len(bench.registry.versions(MODEL)) == 1
    assert faults_of(bench) == []


def test_a_verdict_in_the_words_of_an_earlier_release_still_follows_and_in_other_days_it_does_not() -> None:
    bench = in_shadow()
    days = shadow_of(bench).days
    hide_fires(bench, shadow_of(bench))
    ask(bench, shadow_of(bench).due)
    rows = bench.ledger.entries(MODEL)
    place = next(n for n, row in enumerate(rows) if row.kind is EntryKind.SHADOW_VERDICT)
    assert f"After its shadow time from {days} the candidate" in rows[place].summary
    for said, other in ((days.half_open, []), (days.shift(1).half_open, ["summary"])):
        summary = rows[place].summary.replace(f"time from {days}", f"time {said}")
        reworded = [*rows[:place], rows[place].model_copy(update={"summary": summary}), *rows[place + 1 :]]
        assert find_other_columns(reworded).get(rows[place].sequence, []) == other


def test_a_candidate_that_turns_out_worse_is_dropped() -> None:
    """On its own window it gains 0.1 %; with the shadow days it loses 0.4 %."""
    bench = decided_bench(0)
    rule = EAGER.model_copy(update={"refresh_min_gain": 0.0})
    question = bench.question(1, rule)._replace(shadow_days=N_DAYS)
    decided = adjudicate_partition(bench.stores, question, bench.stamp(1)).payload
    assert decided.decision.comparison.relative_gain > 0
    (verdict,) = ask(bench, shadow_of(bench).due).rows
    assert read_payload(verdict).decision.comparison.relative_gain < 0
    assert (verdict.outcome, verdict.reason_code) == (Outcome.KEPT, ReasonCode.NOT_SUPERIOR)
    assert "is dropped, version 1 stays: the evidence does not show it to be better" in verdict.summary
    assert (bench.champion(), shadow_times(bench)) == (1, [])
    assert faults_of(bench) == []


def test_doubted_days_next_to_the_shadow_days_leave_nothing_to_promote_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier windows alone would promote once more, and say nothing new."""
    bench = in_shadow()
    shadow = shadow_of(bench)
    doubted = LabelCount(window=shadow.days, n_fires=0, n_expected=50.0)
    monkeypatch.setattr(judging, "_suspect_windows", lambda *_: [doubted])
    (verdict,) = ask(bench, shadow.due).rows
    payload = read_payload(verdict)
    assert payload.dropped == {shadow.windows.partition_key: NEXT_TO_SUSPECT}
    assert payload.used_partitions == ()
    assert (verdict.outcome, verdict.reason_code) == (Outcome.INCONCLUSIVE, ReasonCode.TOO_FEW_POSITIVES)
    assert faults_of(bench) == []


# ---- what ends it otherwise ----


def test_a_freeze_keeps_the_verdict_from_promoting() -> None:
    bench = in_shadow()
    shadow = shadow_of(bench)
    stamp = bench.stamp(1)
    freeze(bench.ledger, MODEL, until=shadow.due + DAY, reason="inspection", stamp=stamp)
    (verdict,) = ask(bench, shadow.due).rows
    assert (verdict.outcome, verdict.reason_code) == (Outcome.KEPT, ReasonCode.FROZEN)
    assert (bench.champion(), shadow_times(bench)) == (1, [])


def test_a_rollback_ends_it_with_a_row() -> None:
    bench = decided_bench(0, 1)
    decide_with_shadow(bench, 2)
    roll_back(bench.stores, MODEL, to_version=1, reason="drift", freeze_until=None, stamp=bench.stamp(2))
    assert bench.kinds()[-3:] == ["rollback", "confirmation", "abandonment"]
    last = bench.ledger.rows[-1]
    assert (last.reason_code, last.decision_id) == (ReasonCode.CHAMPION_CHANGED, bench.ledger.rows[4].decision_id)
    assert "was not carried out: its shadow time ends because version 1 is the champion now" in last.summary
    assert shadow_times(bench) == []
    assert ask(bench, windows_of(5).as_of) == Verdicts()
    assert faults_of(bench) == []


def test_a_promotion_at_once_ends_it() -> None:
    bench = in_shadow()
    bench.decide(2)  # the verdict of period 1 is due before
    bench = decided_bench(0)
    decide_with_shadow(bench, 1, n_days=60)
    bench.decide(2)
    assert bench.kinds()[2:] == ["decision", "decision", "confirmation", "abandonment"]
    assert bench.champion() == 2
    assert faults_of(bench) == []


def test_two_in_shadow_are_judged_in_their_turn_and_the_first_that_promotes_ends_the_other() -> None:
    bench = decided_bench(0)
    decide_with_shadow(bench, 1, n_days=60)
    decide_with_shadow(bench, 2, n_days=60)
    assert [shadow.champion for shadow in fold(bench.ledger.rows).in_shadow] == [1, 1]
    ask(bench, windows_of(6).as_of)
    assert bench.kinds()[2:] == ["decision", "decision", "shadow_verdict", "confirmation", "abandonment"]
    assert bench.champion() == 2
    assert bench.ledger.rows[4].decision_id == bench.ledger.rows[2].decision_id
    assert faults_of(bench) == []


def test_an_alias_that_was_moved_by_hand_drops_the_candidate() -> None:
    bench = in_shadow()
    bench.registry.move_alias_by_hand(MODEL, None)
    (verdict,) = ask(bench, shadow_of(bench).due).rows
    assert (verdict.outcome, verdict.reason_code) == (Outcome.KEPT, ReasonCode.CHAMPION_CHANGED)


# ---- what cannot be judged ----


def test_a_verdict_waits_for_the_days_that_the_lake_does_not_hold_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = in_shadow()
    due = shadow_of(bench).due
    monkeypatch.setattr(bench.lake, "complete_through", lambda _table: due - DAY)
    given = ask(bench, due)
    assert given.rows == ()
    assert given.waiting == (f"{shadow_of(bench)} waits: the lake holds what was recorded before {due - DAY}",)
    assert bench.kinds() == ["decision", "confirmation", "decision"]


def test_a_candidate_that_cannot_be_scored_waits_stops_nothing_and_is_given_up_in_the_end() -> None:
    bench = in_shadow()
    shadow = shadow_of(bench)
    bench.tracker.tamper(shadow.candidate.stored)
    given = ask(bench, shadow.due)
    assert given.rows == ()
    assert "waits: " in given.waiting[0]
    found = decide_with_shadow(bench, 2)
    assert (found.verdicts.rows, len(found.verdicts.waiting)) == ((), 1)
    (ended,) = ask(bench, shadow.due + GIVE_UP_DAYS * DAY).rows[:1]
    assert (ended.kind, ended.reason_code) == (EntryKind.ABANDONMENT, ReasonCode.CANDIDATE_UNSCORABLE)
    assert f"{GIVE_UP_DAYS} days after its verdict was due its shadow days cannot be scored" in ended.summary
    assert faults_of(bench) == []


# ---- again, replayed, rewritten ----


def test_a_partition_in_shadow_again_is_the_existing_decision_whatever_the_setting_is_now() -> None:
    bench = in_shadow()
    rows = list(bench.ledger.rows)
    for n_days in (0, 7, N_DAYS):
        assert decide_with_shadow(bench, 1, n_days).entry == rows[2]
    assert bench.ledger.rows == rows


def test_a_replay_of_a_partition_that_went_into_shadow_agrees_with_it() -> None:
    bench = in_shadow()
    bench.decide(2)
    original = bench.ledger.rows[2]
    windows = windows_of(1)
    snapshot = take_snapshot(bench.lake, windows, original, Knowledge.AS_KNOWN)
    question = bench.ask_again(1, snapshot)._replace(shadow_days=N_DAYS)
    replay = adjudicate_partition(bench.stores, question, bench.stamp(3, "replaying"))
    assert replay.entry.kind is EntryKind.REPLAY
    assert replay.payload.differences == ()
    assert (replay.payload.shadow_until, shadow_times(bench)) == (None, [])


EDITS: dict[str, Callable[[LedgerEntry], dict[str, object]]] = {
    "summary": lambda _row: {"summary": "After its shadow time nothing was found."},
    "as_of": lambda row: {"as_of": row.as_of + DAY if row.as_of else None},
    "outcome": lambda _row: {"outcome": Outcome.KEPT},
    "decision_id": lambda _row: {"decision_id": "0" * 16},
    "payload": lambda row: {"payload_json": row.payload_json.replace('"decided_in":3', '"decided_in":1')},
    "candidate": lambda row: {"payload_json": row.payload_json.replace('"seed":1', '"seed":2')},
}


@pytest.mark.parametrize("what", EDITS)
def test_a_verdict_that_was_rewritten_is_found(what: str) -> None:
    bench = in_shadow()
    hide_fires(bench, shadow_of(bench))
    ask(bench, shadow_of(bench).due)
    assert faults_of(bench) == []
    bench.ledger.edit_by_hand(4, **EDITS[what](bench.ledger.rows[3]))
    assert faults_of(bench)


def test_a_verdict_that_was_put_in_for_no_shadow_time_is_found() -> None:
    bench = in_shadow()
    ask(bench, shadow_of(bench).due)
    plain = read_payload(bench.ledger.rows[2]).model_copy(update={"shadow_until": None})
    bench.ledger.edit_by_hand(3, payload_json=plain.to_json())
    assert 4 in find_other_columns(bench.ledger.rows)
