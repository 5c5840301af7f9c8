"""What the reading commands answer, for people and for programs."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.core.records import IngestReport
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.cli.conftest import Run, furnish, run_command, settle_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Iterator[Path]:
    """Three decided periods, which reading does not change."""
    with pytest.MonkeyPatch.context() as environment:
        home = settle_in(tmp_path_factory.mktemp("decided") / "home", environment)
        furnish(home, environment, store_template)
        assert run_command(environment, "backfill", "--from", "2025-07-07", "--to", "2025-07-21") == 0
        yield home


def test_history_has_one_row_per_retraining_also_when_nothing_changed(decided: Path, forest_fire: Run) -> None:
    rows = json.loads(forest_fire("history", "--retrainings", "--json").out)
    assert [row["partition"] for row in rows] == ["2025-07-07", "2025-07-14", "2025-07-21"]
    assert [row["updated"] for row in rows] == [True, False, False]
    assert [row["production_version"] for row in rows] == [1, 1, 1]
    assert list(rows[0])[:4] == ["model_name", "production_version", "updated", "training_time"]
    assert forest_fire("history", "--retrainings", "--model", "another").code == 2
    assert decided.exists()


def test_champion_says_which_why_and_on_what_it_was_trained(decided: Path, forest_fire: Run) -> None:
    held = json.loads(forest_fire("champion", "--json").out)["champion"]
    assert (held["version"], held["until"]) == (1, None)
    assert "Promoted the candidate of 2025-07-07" in held["decision"]
    assert held["trained_on"] == "2024-05-05 to 2025-06-08"
    assert decided.exists()


def test_nothing_was_in_production_on_the_days_that_a_home_was_only_backfilled_for(
    decided: Path, forest_fire: Run
) -> None:
    answer = json.loads(forest_fire("champion", "--at", "2025-07-20", "--json").out)
    assert answer["champion"] is None
    assert answer["by_partition_time"]["version"] == 1
    assert json.loads(forest_fire("champion", "--at", "2025-07-01", "--json").out)["by_partition_time"] is None
    assert decided.exists()


def test_status_lists_what_is_undecided_and_where_things_lie(decided: Path, forest_fire: Run) -> None:
    facts = json.loads(forest_fire("status", "--json").out)
    assert facts["champion"] == 1
    assert facts["last_decided"] == "2025-07-21"
    assert facts["undecided"][0] == "2025-07-28"
    assert facts["home"] == str(decided)


def test_status_names_what_the_last_ingest_said_of_the_data(
    decided: Path, forest_fire: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(forest_fire("status", "--json").out)["data_warnings"] == []
    home = tmp_path / "home"  # the ledger's copy is all that is read beside the records
    shutil.copytree(decided / "export", home / "export")
    monkeypatch.setenv("FOREST_FIRE_HOME", str(home))
    window = Interval(start=dt.date(2025, 7, 21), end=dt.date(2025, 7, 28))
    for table, said in (("weather", "weather: wind is odd."), ("fires", "fires: fewer than before.")):
        report = IngestReport(
            table=table, window=window, n_rows=1, written=True, version=0, content_hash="0", warnings=(said,)
        )
        RecordFiles(home / "records").put(f"ingest_{table}", "2025-07-21", report)
    said_now = json.loads(forest_fire("status", "--json").out)["data_warnings"]
    assert said_now == ["weather: wind is odd.", "fires: fewer than before."]


def test_an_empty_ledger_says_how_to_start(home: Path, forest_fire: Run) -> None:
    (home / "records").mkdir(parents=True)
    answer = forest_fire("history")
    assert answer.code == 0
    assert "forest-fire up" in answer.out
    assert [path.name for path in home.rglob("*")] == ["records"]


def test_a_season_is_written_as_one_page_and_one_without_a_decision_is_refused(
    decided: Path, forest_fire: Run, tmp_path: Path
) -> None:
    page = tmp_path / "season.html"
    answer = forest_fire("report", "--season", "2025", "--html", str(page))
    assert (answer.code, answer.out.split(": ")[-1].strip()) == (0, "3 decisions of the season 2025")
    assert "Promoted the candidate of 2025-07-07" in page.read_text(encoding="utf-8")
    other = forest_fire("report", "--season", "2031", "--html", str(tmp_path / "other.html"))
    assert other.code == 2
    assert "there are decisions of 2025" in other.err
    assert not (tmp_path / "other.html").exists()
    assert forest_fire("report", "--html", str(decided / "no" / "such" / "place.html")).code == 2
