"""`forest-fire quality` says the state first, then where the loss lies and what has moved, for people and programs."""

import json

import pytest

from forest_fire_retrain import watching
from forest_fire_retrain.cli import quality
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.population_shift import MeasureShift
from forest_fire_retrain.core.monitoring.quality_report import QualityReport
from forest_fire_retrain_tests.pipeline.monitoring.test_measuring_quality import Watched, measure, watched

__all__ = ["watched"]


def said(
    watched: Watched,
    report: QualityReport,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    as_json: bool = False,
) -> str:
    monkeypatch.setattr(quality, "build_installation", lambda _: watched.installation)
    monkeypatch.setattr(watching, "measure_quality", lambda *_: report)
    quality.print_quality(watched.installation.settings, as_json=as_json)
    return capsys.readouterr().out


def test_a_person_reads_the_state_the_weeks_and_what_has_moved(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = measure(watched.installation)
    assert report.shift is not None
    moved = MeasureShift(name="temp_max_c", index=0.87, n_rows=1092, n_training_rows=2000)
    shift = report.shift.model_copy(
        update={"measures": (moved,), "moved": (moved,), "n_days_needed": report.shift.window.n_days}
    )
    text = said(watched, report.model_copy(update={"shift": shift}), monkeypatch, capsys)
    plain = " ".join(text.split())
    assert plain.startswith(f"{report.state}: ")
    assert "Against the training" in text
    assert "0.87" in text
    assert "no reason to promote" in plain


def test_a_champion_without_newer_days_has_no_table_of_them(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(watched, measure(watched.installation).model_copy(update={"shift": None}), monkeypatch, capsys)
    assert "no day is newer" in text
    assert "Against the training" not in text


def test_an_alarm_says_whether_it_asks_for_a_candidate(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = measure(watched.installation)
    alarm = said(watched, report.model_copy(update={"state": QualityState.ALARM}), monkeypatch, capsys)
    assert "no candidate off schedule is due: periods are weeks" in " ".join(alarm.split())
    calm = said(watched, report.model_copy(update={"state": QualityState.OK}), monkeypatch, capsys)
    assert "off schedule" not in calm


def test_a_program_reads_the_whole_report(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = measure(watched.installation)
    told = json.loads(said(watched, report, monkeypatch, capsys, as_json=True))
    assert told.pop("loss_of_the_feed") == report.loss_of_the_feed
    assert QualityReport.model_validate(told) == report
