"""Failed runs as Dagster keeps them: read from its storage, or asked of Dagster, the answer is the same."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from forest_fire_retrain.adapters import failed_runs
from forest_fire_retrain.adapters.failed_runs import message_of, read_failed_runs
from forest_fire_retrain.adapters.sqlite_reading import UnexpectedStoreError
from forest_fire_retrain.cli.home import DAGSTER_YAML
from forest_fire_retrain.core.errors import HomeError, LedgerError, RefusedRequestError
from forest_fire_retrain.defs.failures import Stopped

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SAID = "weather: 3 violations of the data contract; nothing was written."
LISTED = "weather: 3 violations of the data contract; nothing was written: the wind is missing (and 2 more)"


@dg.op(config_schema={"way": str})
def work(context: dg.OpExecutionContext) -> None:
    """Ends as it is told to."""
    match context.op_config["way"]:
        case "refused":
            listed = "\n".join(f"  - the {measure} is missing" for measure in ("wind", "rain", "humidity"))
            raise LedgerError(f"{SAID}\n{listed}\nCorrect the data.") from KeyError("wind")
        case "told":
            raise dg.Failure("the ledger is held: close the notebook", metadata={"n": 1})
        case "mistyped":
            raise Stopped(RefusedRequestError("version 9 was never in production"))
        case "locked":
            raise Stopped(LedgerError("the ledger is held"))
        case "unforeseen":
            raise KeyError("wind")


@dg.job
def weekly() -> None:
    work()


@dg.job
def daily() -> None:
    work()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def run(instance: dg.DagsterInstance, job: dg.JobDefinition, way: str, **tags: str) -> str:
    config = {**QUIET, "ops": {"work": {"config": {"way": way}}}}
    done = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False, tags=tags)
    return done.run_id


def test_where_nothing_has_run_nothing_has_failed(tmp_path: Path, home: Path) -> None:
    assert read_failed_runs(tmp_path / "nowhere") == []
    assert read_failed_runs(home) == []


@pytest.mark.parametrize(
    ("way", "message"),
    [("refused", LISTED), ("told", "the ledger is held: close the notebook"), ("unforeseen", "'wind'")],
)
def test_a_failed_run_says_why_in_its_own_words(
    home: Path, instance: dg.DagsterInstance, way: str, message: str
) -> None:
    run_id = run(instance, weekly, way, **{"dagster/partition": "2026-01-05"})
    (found,) = read_failed_runs(home)
    assert (found.run_id, found.job, found.partition_key, found.message) == (run_id, "weekly", "2026-01-05", message)
    assert found.began_at <= found.failed_at
    assert found.failed_at.utcoffset() is not None


def test_an_order_that_was_refused_is_told_from_one_that_could_not_be_carried_out(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, weekly, "mistyped")
    run(instance, daily, "locked")
    read = read_failed_runs(home)
    assert [(found.job, found.message, found.is_refused) for found in read] == [
        ("weekly", "version 9 was never in production", True),
        ("daily", "the ledger is held", False),
    ]

    def refuse(_home: Path) -> None:
        raise UnexpectedStoreError

    monkeypatch.setattr(failed_runs, "_read_storage", refuse)
    assert sorted(read_failed_runs(home)) == sorted(read)


def test_the_newest_failure_of_each_job_counts_until_the_job_succeeds(home: Path, instance: dg.DagsterInstance) -> None:
    run(instance, weekly, "refused")
    newest, other = run(instance, weekly, "told"), run(instance, daily, "refused")
    assert [found.run_id for found in read_failed_runs(home)] == [newest, other]
    run(instance, weekly, "well")
    assert [found.run_id for found in read_failed_runs(home)] == [other]
    instance.delete_run(other)
    assert read_failed_runs(home) == []


def test_a_run_whose_process_is_gone_says_so(home: Path, instance: dg.DagsterInstance) -> None:
    created = instance.create_run_for_job(weekly, run_config={"ops": {"work": {"config": {"way": "well"}}}})
    instance.report_run_failed(created, "its process is gone; the next run finishes what it left open")
    (found,) = read_failed_runs(home)
    assert found.message == "its process is gone; the next run finishes what it left open"


def test_dagster_says_the_same_where_its_storage_is_another_one(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, weekly, "refused", **{"dagster/partition": "2026-01-05"})
    run(instance, daily, "told")
    read = read_failed_runs(home)

    def refuse(_home: Path) -> None:
        raise UnexpectedStoreError

    monkeypatch.setattr(failed_runs, "_read_storage", refuse)
    assert sorted(read_failed_runs(home)) == sorted(read)


def test_another_storage_in_the_configuration_is_asked_through_dagster(
    home: Path, instance: dg.DagsterInstance
) -> None:
    run(instance, weekly, "refused")
    (home / "dagster.yaml").write_text(f"{DAGSTER_YAML}storage:\n  sqlite:\n    base_dir: {home / 'elsewhere'}\n")
    assert read_failed_runs(home) == []


def test_a_storage_that_nobody_can_read_is_no_empty_one(home: Path, instance: dg.DagsterInstance) -> None:
    run(instance, weekly, "refused")
    (home / "history" / "runs.db").write_bytes(b"rust" * 4096)
    with pytest.raises(HomeError, match="cannot be read"):
        read_failed_runs(home)


def test_a_failure_without_a_message_says_where_to_look() -> None:
    assert message_of(iter([])) == "no message was kept; look at its log"
    assert message_of(iter(['{"dagster_event": null}'])) == "no message was kept; look at its log"
