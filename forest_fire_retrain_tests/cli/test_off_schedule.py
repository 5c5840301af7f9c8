"""A person has the candidate that an alarm asks for, and asks the home about it as about any other."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from forest_fire_retrain import clock, watching
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import Run

pytestmark = pytest.mark.slow

PARK = {
    "CADENCE": "monthly",
    "START_DATE": "2023-01-01",
    "MIN_TRAINING_DAYS": "365",
    "TRAINING_WINDOW_DAYS": "800",
    "SIMULATOR__FIRE_RATE": "0.06",
    "SIMULATOR__DRIFT": '{"kind": "sudden", "start": "2025-05-01", "strength": 2}',
}
FIRST, LAST, ASKED = "2025-01-01", "2025-06-01", "2025-07-14+active"
LOOKED = dt.datetime(2025, 7, 14, 8, 30, tzinfo=dt.UTC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.datetime], None]:
    """Set the product's clock, wherever it was imported already."""
    found: list[dt.datetime] = []
    monkeypatch.setitem(clock.__dict__, "told", lambda: found[-1])
    monkeypatch.setattr(clock.read_clock, "__code__", _as_told.__code__)
    return found.append


def _as_told() -> dt.datetime:
    return told()  # type: ignore[name-defined, no-any-return] # noqa: F821 - of the clock's module


def test_the_candidate_that_an_alarm_asks_for(
    small_park: Path,
    forest_fire: Run,
    at: Callable[[dt.datetime], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert small_park
    for name, value in PARK.items():
        monkeypatch.setenv(f"FOREST_FIRE_{name}", value)
    at(dt.datetime(2025, 7, 1, 7, tzinfo=dt.UTC))
    assert forest_fire("backfill", "--from", FIRST, "--to", LAST).code == 0
    assert "were not looked at yet" in status(forest_fire)
    refused = forest_fire("retrain", "--partition", ASKED)
    assert refused.code == 2
    assert f"no alarm asks for {ASKED}" in refused.err

    at(LOOKED)
    installation = build_installation(load_settings())
    assert watching.look_at_quality(installation, LOOKED).report.state is QualityState.ALARM
    assert status(forest_fire) == (
        f"{ASKED} is due: an alarm of 2025-07-14 on version 1 asks for it; if you want it: "
        f"forest-fire retrain --partition {ASKED}"
    )
    done = forest_fire("retrain", "--partition", ASKED)
    assert done.code == 0, done.err
    assert "1 decision recorded" in done.out
    row = next(row for row in installation.ledger.entries() if row.partition_key == ASKED)
    assert (row.kind, row.trigger) == (EntryKind.DECISION, "alarm")
    assert f"{ASKED} was decided for this alarm" in status(forest_fire)
    ask_about_it(forest_fire, tmp_path / "pack.zip")

    again = forest_fire("retrain", "--partition", ASKED)
    assert (again.code, "Nothing new was decided" in again.out) == (0, True), again.err
    at(dt.datetime(2025, 8, 1, 7, tzinfo=dt.UTC))
    assert json.loads(forest_fire("status", "--json").out)["undecided"] == ["2025-07-01"]
    assert forest_fire("retrain").code == 0
    told = json.loads(forest_fire("status", "--json").out)
    assert (told["last_decided"], told["undecided"], told["passed_over"]) == ("2025-07-01", [], [])
    replayed = forest_fire("retrain", "--partition", ASKED, "--knowledge", "as_known")
    assert (replayed.code, "nothing differs from the live decision" in replayed.out) == (0, True), replayed.err
    verified = forest_fire("verify", "--deep")
    assert verified.code == 0, verified.out


def ask_about_it(forest_fire: Run, pack: Path) -> None:
    """Every question that is asked about a period."""
    said = "An alarm of 2025-07-14 on version 1 asked for it: the champion loses more than it expects to"
    for words in (
        ("history", "--events", "--json"),
        ("status", "--json"),
        ("explain", "--partition", ASKED, "--json"),
    ):
        answer = forest_fire(*words)
        assert answer.code == 0, answer.err
        assert said in answer.out, words
    listed = json.loads(forest_fire("history", "--retrainings", "--json").out)
    assert listed[-1]["partition"] == ASKED
    reproduced = forest_fire("reproduce", ASKED)
    assert (reproduced.code, ASKED in reproduced.out) == (0, True), reproduced.err
    made = forest_fire("evidence", ASKED, "--out", str(pack))
    assert made.code == 0, made.err
    checked = forest_fire("evidence", "--check", str(pack))
    assert checked.code == 0, checked.out
    report = forest_fire("report", "--season", "2025", "--html", str(pack.with_suffix(".html")))
    assert report.code == 0, report.err
    assert said in pack.with_suffix(".html").read_text(encoding="utf-8")


def status(forest_fire: Run) -> str:
    answer = forest_fire("status", "--json")
    assert answer.code == 0, answer.err
    found: str = json.loads(answer.out)["off_schedule"]
    return found
