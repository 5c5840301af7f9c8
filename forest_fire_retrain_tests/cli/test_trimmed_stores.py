"""A range that a command ran is trimmed at its end, one that somebody else ran when the next run begins."""

from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.adapters.store_trimming import KEPT_ELSEWHERE
from forest_fire_retrain.cli import recorded_runs
from forest_fire_retrain_tests.cli.conftest import Run

pytestmark = pytest.mark.slow

WEEKS = ("2025-07-07", "2025-07-14")
CHECK = dg.AssetCheckKey(dg.AssetKey("adjudication_decision"), "candidate_beats_climatology")


def last_words(instance: dg.DagsterInstance) -> list[str]:
    """How the logs of all runs end, the newest first."""
    return [instance.all_logs(run.run_id)[-1].user_message for run in instance.get_runs()]


def test_a_range_is_trimmed_by_its_own_command(small_park: Path, forest_fire: Run) -> None:
    assert forest_fire("backfill", "--from", WEEKS[0], "--to", WEEKS[1]).code == 0
    with dg.DagsterInstance.from_config(str(small_park / "dagster")) as instance:
        assert last_words(instance) == [KEPT_ELSEWHERE]
        history = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=10)
        assert [execution.status.value for execution in history] == ["SUCCEEDED"]
        for week in WEEKS:
            wanted = dg.AssetRecordsFilter(CHECK.asset_key, asset_partitions=[week])
            (record,) = instance.fetch_materializations(wanted, limit=5).records
            assert record.asset_materialization is not None
            assert {"decision", "guardrails", "evidence"} <= set(record.asset_materialization.metadata)


def test_a_range_of_an_earlier_release_is_trimmed_by_the_next_run(
    small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(recorded_runs, "trim_store", lambda _: [])
        assert forest_fire("backfill", "--from", WEEKS[0], "--to", WEEKS[1]).code == 0
    with dg.DagsterInstance.from_config(str(small_park / "dagster")) as instance:
        assert last_words(instance) != [KEPT_ELSEWHERE]
        assert forest_fire("retrain", "--partition", WEEKS[0]).code == 0
        assert last_words(instance)[1] == KEPT_ELSEWHERE
