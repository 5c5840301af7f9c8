"""A past partition again: judged against the champion as of then, written beside the original, moving nothing."""

import pytest

from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.records import Knowledge
from forest_fire_retrain.defs.metadata import difference_table
from forest_fire_retrain.pipeline.preparing.snapshots import take_snapshot
from forest_fire_retrain.pipeline.retraining.adjudicating import adjudicate_partition
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_park import decided_bench, windows_of

pytestmark = pytest.mark.slow

STRICT = DecisionRule()


def test_a_replay_as_known_of_a_past_partition_differs_in_nothing_and_moves_nothing() -> None:
    bench = decided_bench(0, 1, 2)
    for period in (0, 1):
        original = bench.live_decisions()[windows_of(period).partition_key]
        snapshot = take_snapshot(bench.lake, windows_of(period), original, Knowledge.AS_KNOWN)
        replay = adjudicate_partition(bench.stores, bench.ask_again(period, snapshot), bench.stamp(period, "later"))
        assert replay.standing is Standing.REPLAY
        assert (replay.entry.kind, replay.entry.reason_code) == (EntryKind.REPLAY, ReasonCode.REPLAY)
        assert replay.entry.outcome is original.outcome
        assert replay.payload.differences == ()
        key = windows_of(period).partition_key
        assert (
            replay.entry.summary
            == f"Replay: {key} (as_known): nothing differs from the live decision. The champion stays."
        )
        assert replay.payload.decision.model_dump_json() == read_payload(original).decision.model_dump_json()
    assert bench.champion() == 3
    assert len(bench.registry.versions(MODEL)) == 3
    assert bench.kinds()[6:] == ["replay", "replay"]


def test_a_replay_is_judged_against_the_champion_as_of_then() -> None:
    bench = decided_bench(0, 1, 2)
    replay = adjudicate_partition(bench.stores, bench.question(1), bench.stamp(1, "later"))
    assert replay.payload.champion is not None
    assert replay.payload.champion.version == 1
    assert (replay.entry.champion_before, replay.entry.champion_after) == (1, 1)


def test_a_replay_is_written_once_per_run() -> None:
    bench = decided_bench(0, 1)
    replays = [adjudicate_partition(bench.stores, bench.question(0), bench.stamp(0, run)) for run in ("x", "x", "y")]
    assert replays[0].entry == replays[1].entry != replays[2].entry
    assert bench.kinds()[4:] == ["replay", "replay"]


def test_a_replay_as_corrected_lists_what_came_out_otherwise() -> None:
    bench = decided_bench(0, 1)
    taken = bench.remove_fires(0, keep_one_in=2)
    assert taken.num_rows > 5
    original = bench.live_decisions()[windows_of(0).partition_key]
    snapshot = take_snapshot(bench.lake, windows_of(0), original, Knowledge.AS_CORRECTED)
    replay = adjudicate_partition(bench.stores, bench.ask_again(0, snapshot), bench.stamp(0, "later"))
    found = {difference.what: (difference.original, difference.replay) for difference in replay.payload.differences}
    assert {"holdout hash", "fires in the holdout", "relative gain"} <= set(found)
    before, now = found["fires in the holdout"]
    assert int(now) < int(before)
    assert f"Replay: {windows_of(0).partition_key} (as_corrected): holdout hash" in replay.entry.summary
    assert bench.champion() == 2
    assert bench.live_decisions()[windows_of(0).partition_key] == original


def test_the_newest_partition_under_another_rule_is_a_replay() -> None:
    bench = decided_bench(0, 1)
    found = bench.decide(1, rule=STRICT)
    assert found.standing is Standing.REPLAY
    assert {difference.what for difference in found.payload.differences} == {"outcome", "reason"}
    assert bench.champion() == 2


def test_a_partition_that_was_skipped_is_a_replay_without_an_original() -> None:
    bench = decided_bench(0, 2)
    found = bench.decide(1)
    assert (found.standing, found.payload.differences) == (Standing.REPLAY, None)
    said = "never decided live; nothing to compare with"
    assert found.entry.summary == f"Replay: {windows_of(1).partition_key}: {said}. The champion stays."
    assert difference_table(read_payload(found.entry)).value == said
    page = bench.records.page(str(found.payload.page_sha256))
    assert page is not None
    assert f"<p>{said}</p>" in page
    assert "nothing differs" not in page
    assert found.payload.champion is not None
    assert found.payload.champion.version == 1
    assert bench.champion() == 2
