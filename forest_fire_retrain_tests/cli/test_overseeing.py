"""`status --check` on real homes: every matter is made to happen where the fault was, and is gone when it is mended."""

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import export_ledger
from forest_fire_retrain.adapters.ledger_schema import LEDGER_FILE
from forest_fire_retrain.adapters.mlflow_connection import connect
from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.monitoring.last_look import QUALITY_KIND, QualityState
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.oversight import find_matters
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain.watching import look_at_quality
from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in, weather_is_in

pytestmark = pytest.mark.slow

MODEL = "forest_fire_risk"
NOTHING = "Nothing needs a person.\n"
HISTORY_END = "2025-07-28"


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """Three decided periods of a history that has ended."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("overseen") / "home", environment)
        furnish(home, environment, store_template)
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-21") == 0
    return home


@pytest.fixture
def home(decided: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_template: Path) -> Path:
    """A copy of it to break; nobody is needed for it."""
    copied = settle_in(tmp_path / "home", monkeypatch)
    furnish(copied, monkeypatch, store_template)
    shutil.copytree(decided, copied, dirs_exist_ok=True)
    monkeypatch.setenv("FOREST_FIRE_END_DATE", HISTORY_END)
    return copied


def registry_of(home: Path) -> MlflowClient:
    return connect(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")


def matters_at(instant: str) -> list[Matter]:
    return find_matters(load_settings(), dt.datetime.fromisoformat(instant))


def kinds_at(instant: str) -> list[MatterKind]:
    return [matter.kind for matter in matters_at(instant)]


def test_a_home_that_needs_nobody_says_so_in_one_line(home: Path, forest_fire: Run) -> None:
    assert home.exists()
    assert forest_fire("status", "--check") == (0, NOTHING, "")
    assert forest_fire("status", "--check", "--json") == (0, "[]\n", "")
    facts = json.loads(forest_fire("status", "--json").out)
    assert (facts["registry"], facts["failed_runs"], facts["matters"]) == ("agrees", [], [])
    assert [feed["table"] for feed in facts["feeds"]] == ["weather", "fires"]
    assert {feed["until"] for feed in facts["feeds"]} == {"2025-07-27"}
    assert (facts["last_verify"], facts["last_witness"]) == (None, None)
    assert all(name == name.lower() and " " not in name for name in facts)


def test_an_alias_that_was_deleted_or_moved_is_noticed_and_back_it_is_well(home: Path, forest_fire: Run) -> None:
    client = registry_of(home)
    client.delete_registered_model_alias(MODEL, "champion")
    answer = forest_fire("status", "--check")
    assert answer.code == 1
    assert answer.out == (
        "the alias champion of forest_fire_risk points at nothing, the ledger's champion is version 1. "
        "Run: forest-fire verify\n"
    )
    assert "points at nothing" in json.loads(forest_fire("status", "--json").out)["registry"]
    (matter,) = json.loads(forest_fire("status", "--check", "--json").out)
    assert (matter["kind"], matter["key"]) == ("registry_differs", "registry_differs/None/1")
    client.set_registered_model_alias(MODEL, "champion", "1")
    assert forest_fire("status", "--check").code == 0
    client.delete_model_version(MODEL, "1")
    assert "needs" not in forest_fire("status", "--check").out
    assert forest_fire("status", "--check").code == 1


def test_a_store_or_a_server_that_is_gone_is_no_registry_that_agrees(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "mlflow" / "mlflow.db").rename(home / "mlflow" / "gone.db")
    assert "points at nothing" in forest_fire("status", "--check").out
    monkeypatch.setenv("FOREST_FIRE_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    answer = forest_fire("status", "--check")
    assert answer.code == 1
    assert answer.out.startswith("the registry cannot be asked: ")
    assert len(answer.out.splitlines()) == 1
    assert forest_fire("status").code == 0


def test_a_run_that_was_ordered_by_hand_and_failed_is_named_until_one_succeeds(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with monkeypatch.context() as mistaken:
        mistaken.setenv("FOREST_FIRE_SOURCE", "folder")
        mistaken.setenv("FOREST_FIRE_DATA", str(tmp_path / "empty"))
        failed = forest_fire("retrain", "--partition", "2025-07-21")
    assert failed.code == 2
    message = failed.err.removeprefix("forest-fire: ").partition("\n")[0]
    answer = forest_fire("status", "--check")
    assert answer.code == 1
    (line,) = answer.out.splitlines()
    assert line.startswith("retraining_job of 2025-07-21 failed on ")
    assert message.rstrip(".") in line
    assert "http://127.0.0.1:3000/runs/" in line
    assert message.rstrip(".") in forest_fire("status").out
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=8)).isoformat()
    assert kinds_at(later) == []
    assert forest_fire("retrain", "--partition", "2025-07-21").code == 0
    assert forest_fire("status", "--check") == (0, NOTHING, "")
    assert home.exists()


def test_what_is_overdue_is_told_by_the_clock_and_only_where_the_history_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kinds_at("2025-12-01T00:00Z") == []
    monkeypatch.delenv("FOREST_FIRE_END_DATE")
    assert kinds_at("2025-08-05T05:59Z") == []
    assert kinds_at("2025-08-05T06:00Z") == [MatterKind.DECISION_OVERDUE]
    (matter,) = matters_at("2025-08-05T06:00Z")
    assert "the decision on 2025-07-28 was due on 2025-08-04T06:00:00+00:00" in matter.sentence
    monkeypatch.setenv("FOREST_FIRE_DECISION_OVERDUE_HOURS", "0")
    assert kinds_at("2025-08-04T05:59Z") == []
    assert kinds_at("2025-08-04T06:00Z") == [MatterKind.DECISION_OVERDUE]
    monkeypatch.setenv("FOREST_FIRE_TIME_ZONE", "Pacific/Auckland")
    assert kinds_at("2025-08-03T18:00Z") == [MatterKind.DECISION_OVERDUE]
    assert home.exists()


def test_a_replay_settles_nothing_that_is_overdue(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert forest_fire("retrain", "--partition", "2025-07-14").code == 0
    monkeypatch.delenv("FOREST_FIRE_END_DATE")
    assert kinds_at("2025-08-05T06:00Z") == [MatterKind.DECISION_OVERDUE]
    assert home.exists()


def test_a_day_that_nobody_predicted_is_overdue_and_retro_settles_nothing(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOREST_FIRE_END_DATE")
    monkeypatch.setenv("FOREST_FIRE_DECISION_OVERDUE_HOURS", "87600")
    assert forest_fire("predict", "--date", "2025-07-20", "--retro").code == 0
    tomorrow = dt.datetime.now(dt.UTC).replace(hour=13, minute=0) + dt.timedelta(days=1)
    assert kinds_at(tomorrow.isoformat()) == []  # nothing was ever predicted on its day
    assert forest_fire("predict").code == 0
    of_today = set() if weather_is_in() else {MatterKind.FEED}
    assert set(kinds_at((tomorrow - dt.timedelta(hours=1)).isoformat())) == of_today
    assert set(kinds_at(tomorrow.isoformat())) == {MatterKind.PREDICTION_OVERDUE, *of_today}
    assert home.exists()


def test_verify_and_witness_leave_a_note_and_faults_stay_until_a_clean_verify(home: Path, forest_fire: Run) -> None:
    assert forest_fire("verify").code == 0
    assert forest_fire("witness").code == 0
    facts = json.loads(forest_fire("status", "--json").out)
    assert facts["last_verify"]["n_faults"] == 0
    assert facts["last_witness"]["n_rows"] > 0
    page = next((home / "records" / "decision_page").glob("*.html"))
    kept = page.read_bytes()
    page.unlink()
    assert forest_fire("status", "--check").code == 0  # it was not looked for
    assert forest_fire("verify").code == 1
    answer = forest_fire("status", "--check")
    assert answer.code == 1
    assert "verify found 1 fault on " in answer.out
    page.write_bytes(kept)
    assert forest_fire("status", "--check").code == 1
    assert forest_fire("verify").code == 0
    assert forest_fire("status", "--check") == (0, NOTHING, "")


def test_what_cannot_be_read_is_a_matter_and_no_silence(home: Path, forest_fire: Run) -> None:
    copy = home / "export" / LEDGER_FILE
    kept = copy.read_bytes()
    copy.unlink()
    answer = forest_fire("status", "--check")
    assert answer.code == 1
    assert "has no copy for readers" in answer.out
    assert "a file is missing" in forest_fire("status").err
    for part in (home / "export").glob("ledger-*.parquet"):
        part.rename(home / part.name)
    assert forest_fire("status", "--check").out.startswith("the ledger has no copy for readers: ")
    shown = forest_fire("status")
    assert (shown.code, NOTHING in shown.out) == (0, False)
    assert "has no copy for readers" in " ".join(shown.out.split())
    (matter,) = json.loads(forest_fire("status", "--json").out)["matters"]
    assert matter["key"] == "fault_found/no_copy"
    copy.write_bytes(b"rust" * 64)
    answer = forest_fire("status", "--check")
    assert (answer.code, answer.err, len(answer.out.splitlines())) == (1, "", 1)
    copy.write_bytes(kept)
    (home / "dagster" / "history" / "runs.db").write_bytes(b"rust" * 64)
    assert forest_fire("status", "--check").code == 1


def test_the_newest_look_at_the_predictions_is_shown_and_its_alarm_stays_until_a_look_without(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads(forest_fire("status", "--json").out)
    assert facts["predictions"] == "not looked at yet"
    looked_at = dt.datetime.now(dt.UTC)
    report = look_at_quality(build_installation(load_settings()), looked_at).report
    calm = report.model_copy(update={"state": QualityState.OK, "sentence": "all is well", "change": None})
    alarm = {"state": QualityState.ALARM, "sentence": "the chart stands at 7", "change": dt.date(2025, 5, 5)}
    records = RecordFiles(home / "records")
    records.put(QUALITY_KIND, MODEL, calm.model_copy(update=alarm))
    told = "the chart stands at 7. It promotes nothing. See where the loss lies: forest-fire quality\n"
    assert forest_fire("status", "--check") == (1, told, "")
    facts = json.loads(forest_fire("status", "--json").out)
    assert (facts["predictions"]["state"], facts["predictions"]["version"]) == ("ALARM", 1)
    assert f"ALARM on {looked_at.date()} (version 1)" in " ".join(forest_fire("status").out.split())
    monkeypatch.delenv("FOREST_FIRE_END_DATE")
    later = (looked_at + dt.timedelta(days=10, hours=1)).isoformat()
    assert {MatterKind.QUALITY_ALARM, MatterKind.QUALITY_OVERDUE} <= set(kinds_at(later))
    monkeypatch.setenv("FOREST_FIRE_END_DATE", HISTORY_END)
    with monkeypatch.context() as switched_off:
        switched_off.setenv("FOREST_FIRE_ACTIVE", "off")
        assert forest_fire("status", "--check") == (0, NOTHING, "")
        assert "FOREST_FIRE_ACTIVE is off" in json.loads(forest_fire("status", "--json").out)["predictions"]
    records.put(QUALITY_KIND, MODEL, calm)
    assert forest_fire("status", "--check") == (0, NOTHING, "")
    newest = max((home / "records" / QUALITY_KIND / MODEL).glob("*.json"))
    newest.write_text("{}", encoding="utf-8")
    answer = forest_fire("status", "--check")
    assert (answer.code, len(answer.out.splitlines())) == (1, 1)
    assert "the newest record of prediction_quality cannot be read" in answer.out


def test_a_home_that_is_not_there_is_an_error_and_is_not_begun(
    tmp_path: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(tmp_path / "hone", monkeypatch)
    answer = forest_fire("status", "--check")
    assert answer.code == 2
    assert "there is no home at" in answer.err
    assert not (tmp_path / "hone").exists()


def test_a_copy_that_is_behind_the_registry_is_no_matter(home: Path, forest_fire: Run) -> None:
    """As between the confirmation of a promotion and the publication of the ledger's copy; later it was left behind."""
    rows = DuckDbLedger(home / "ledger.duckdb", patience_seconds=1).entries()
    champion_row = next(row for row in rows if row.kind is EntryKind.CONFIRMATION)
    for n_known in range(champion_row.sequence):
        export_ledger(rows[:n_known], home / "export")
        assert find_matters(load_settings(), champion_row.recorded_at) == []
        (matter,) = find_matters(load_settings(), champion_row.recorded_at + dt.timedelta(minutes=10))
        assert matter.sentence.startswith(f"the ledger's copy lacks row {champion_row.sequence} of ")
    assert forest_fire("verify").code == 1
    assert forest_fire("retrain", "--partition", "2025-07-21").code == 0
    assert forest_fire("verify").code == 0
    assert forest_fire("status", "--check") == (0, NOTHING, "")
    registry_of(home).delete_registered_model_alias(MODEL, "champion")
    export_ledger(DuckDbLedger(home / "ledger.duckdb", patience_seconds=1).entries(), home / "export")
    assert forest_fire("status", "--check").code == 1
