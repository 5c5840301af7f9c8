"""A later period is not decided while a run is about to decide earlier ones, which would be replays for ever."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.cli.turns import refuse_overtaking
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.defs.liveness import BEGAN_TAG, HOST_TAG, PROCESS_TAG, liveness_tags
from forest_fire_retrain_tests.cli.conftest import Run
from forest_fire_retrain_tests.example_installation import example_installation
from forest_fire_retrain_tests.example_reigns import Reigns, three_reigns

AT_WORK = {"dagster/asset_partition_range_start": "2025-07-21", "dagster/asset_partition_range_end": "2025-08-04"}
HERE = {HOST_TAG: socket.gethostname()[:63]}
LONGEST_SECONDS = 240


@pytest.fixture
def reigns() -> Reigns:
    """Decided up to 2025-07-21."""
    return three_reigns()


def ask(reigns: Reigns, first: str, tags: dict[str, str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun(job_name=JOB_NAME, status=dg.DagsterRunStatus.STARTED, tags=tags))
        refuse_overtaking(instance, reigns.installation, first)


def test_a_period_behind_those_of_a_run_at_work_is_refused(reigns: Reigns) -> None:
    with pytest.raises(RefusedRequestError, match=r"deciding 2025-07-21 to 2025-08-04 .* not yet at 2025-08-11"):
        ask(reigns, "2025-08-11", {**AT_WORK, **liveness_tags()})


@pytest.mark.parametrize("first", ["2025-07-07", "2025-07-28"])
def test_a_replay_and_the_very_next_period_are_let_in(reigns: Reigns, first: str) -> None:
    ask(reigns, first, {**AT_WORK, **liveness_tags()})


@pytest.mark.parametrize(
    "tags",
    [
        {**HERE, PROCESS_TAG: "999999999", BEGAN_TAG: "1"},
        {HOST_TAG: "another", PROCESS_TAG: "1", BEGAN_TAG: "1"},
        {},
    ],
    ids=["gone", "elsewhere", "unknown"],
)
def test_a_run_whose_process_is_not_known_to_be_at_work_keeps_nobody_out(reigns: Reigns, tags: dict[str, str]) -> None:
    ask(reigns, "2025-08-11", {**AT_WORK, **tags})


def test_a_run_that_has_only_decided_periods_left_keeps_nobody_out(reigns: Reigns) -> None:
    replay = {"dagster/partition": "2025-07-14"}
    ask(reigns, "2025-08-11", {**replay, **liveness_tags()})


def test_in_an_empty_home_every_period_of_the_run_counts(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {**AT_WORK, **liveness_tags()}
        instance.add_run(dg.DagsterRun(job_name=JOB_NAME, status=dg.DagsterRunStatus.STARTED, tags=tags))
        with pytest.raises(RefusedRequestError, match="Wait until that run has ended"):
            refuse_overtaking(instance, example_installation(tmp_path), "2025-08-04")


@pytest.mark.slow
def test_who_retrains_while_the_first_history_is_decided_breaks_nothing(
    small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREST_FIRE_END_DATE", "2025-08-04")
    program = "import sys; from forest_fire_retrain.cli import run; sys.argv[0] = 'forest-fire'; run()"
    words = ("backfill", "--from", "2025-07-07", "--to", "2025-07-28")
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as working:
        assert working.stdout is not None
        deadline = time.monotonic() + LONGEST_SECONDS
        assert any("delivered" in line for line in working.stdout)  # its run has begun, and nothing is decided
        answer = forest_fire("retrain")
        rest = working.stdout.read()
        assert working.wait(timeout=max(deadline - time.monotonic(), 1)) == 0, rest
    assert answer.code == 2
    assert "a run is deciding 2025-07-07 to 2025-07-28" in answer.err
    rows = read_export(small_park / "export")
    assert [row.kind for row in rows if row.partition_key].count(EntryKind.REPLAY) == 0
    decided = [row.partition_key for row in rows if row.kind is EntryKind.DECISION]
    assert decided == ["2025-07-07", "2025-07-14", "2025-07-21", "2025-07-28"]
