"""The command: wrong options are one message, right ones leave a table, JSON and pictures."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forest_fire_retrain.cli.app import app
from forest_fire_retrain.core.errors import ConfigurationError

SPAN = ("--from", "2024-04-01", "--to", "2024-06-15")


def run(*arguments: str) -> str:
    """Output of the command; a foreseeable fault is raised as it would reach `main`."""
    result = CliRunner().invoke(app, ["backtest", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_all_wrong_options_stand_in_one_message(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(ConfigurationError) as caught:
        run(
            *("--from", "yesterday", "--to", "2024-06-15", "--out", str(folder), "--source", "lake"),
            *("--rules", "ours,best", "--scenario", "flood", "--seeds", "1,x", "--cadence", "daily", "--cores", "0"),
        )
    message = str(caught.value)
    assert message.startswith("7 options wrong")
    for option in ("--from", "--source", "--rules", "--scenario", "--seeds", "--cadence", "--cores"):
        assert f"  - {option}: " in message
    assert "best" in message
    assert "any-improvement" in message
    assert not folder.exists()


def test_a_span_the_wrong_way_round_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--to: 2024-01-01 is not after --from 2024-02-01"):
        run("--from", "2024-02-01", "--to", "2024-01-01", "--out", str(tmp_path))


def test_too_little_history_names_the_first_possible_period(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the first partition may start on 2024-01-31"):
        run("--source", "simulator", "--from", "2023-01-01", "--to", "2024-06-15", "--out", str(tmp_path))


def test_a_folder_cannot_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_DATA", str(tmp_path))
    with pytest.raises(ConfigurationError, match="a folder has one history, and scenario sudden needs many"):
        run("--source", "folder", *SPAN, "--scenario", "sudden", "--out", str(tmp_path / "out"))


def test_tuning_is_refused_rather_than_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_TUNING_TRIALS", "5")
    with pytest.raises(ConfigurationError, match="set FOREST_FIRE_TUNING_TRIALS=0"):
        run("--source", "simulator", *SPAN, "--out", str(tmp_path / "out"))


def test_weeks_leave_no_room_for_candidates_off_schedule(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="use --active restart, or monthly periods"):
        run("--cadence", "weekly", "--active", "retrain", *SPAN, "--out", str(tmp_path / "out"))


def test_what_is_asked_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run("--active", "hope", "--routing", "bandit", "--monitors", "x", *SPAN, "--out", str(tmp_path / "out"))
    for told in ("--active: 'hope' is none of passive, retrain, restart", "--routing: 'bandit'", "--monitors: 'x'"):
        assert told in str(caught.value)


@pytest.mark.slow
def test_what_alarms_lead_to_and_mixtures_have_tables_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__N_CELLS", "4")
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__FIRE_RATE", "0.03")
    monkeypatch.setenv("FOREST_FIRE_START_DATE", "2023-06-01")
    monkeypatch.setenv("FOREST_FIRE_MIN_TRAINING_DAYS", "60")
    asked = ("--monitors", "cusum", "--active", "retrain,restart", "--routing", "mixture")
    arguments = ("--source", "simulator", "--cadence", "monthly", *SPAN, *asked, "--out")
    table = run(*arguments, str(tmp_path / "first"))
    for title in ("Monitors, parks of 4 cells", "What alarms led to", "A mixture against the champion alone"):
        assert title in table
    printed = json.loads(run(*arguments, str(tmp_path / "second"), "--json"))
    written = (tmp_path / "first" / "results.json").read_text(encoding="utf-8")
    assert json.loads(written) == printed
    assert [row["policy"] for row in printed["courses"]] == ["passive", "retrain", "restart"]
    assert printed["routing"][0]["n_streams"] == 1
    assert printed["arguments"]["routing"]["share"] == 0.02


@pytest.mark.slow
def test_a_backtest_leaves_results_and_pictures_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__N_CELLS", "4")
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__FIRE_RATE", "0.03")
    monkeypatch.setenv("FOREST_FIRE_START_DATE", "2023-12-01")
    monkeypatch.setenv("FOREST_FIRE_MIN_TRAINING_DAYS", "60")
    monkeypatch.setenv("FOREST_FIRE_CADENCE", "monthly")
    arguments = ("--source", "simulator", *SPAN, "--rules", "newest,ours", "--out")
    table = run(*arguments, str(tmp_path / "first"))
    assert "none monthly seed 1: 2 of 2 periods" in table
    assert "worse promotions a year" in table
    printed = json.loads(run(*arguments, str(tmp_path / "second"), "--json"))
    first, second = (folder / "results.json" for folder in (tmp_path / "first", tmp_path / "second"))
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_text(encoding="utf-8")) == printed
    assert [row["rule"] for row in printed["summary"]] == ["newest", "ours"]
    assert all((tmp_path / "first" / name).stat().st_size > 0 for name in ("loss_by_year.png", "promotions.png"))
