"""Shadows in a home of an earlier release, and what is spelled on disk of them from this release on."""

import datetime as dt
import json
from pathlib import Path

import pytest

from forest_fire_retrain import investigate, shadows
from forest_fire_retrain.core.ledger.drafts import draft_shadow, draft_shadow_ended
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, Stamp, seal
from forest_fire_retrain.core.ledger.payloads import ShadowEndedPayload, ShadowPayload
from forest_fire_retrain.core.ledger.state import find_candidate, fold
from forest_fire_retrain.core.monitoring.quality_report import QualityReport
from forest_fire_retrain.core.serving.prediction_log import PredictionKind, Role
from forest_fire_retrain.core.serving.scored_days import name_issue
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.verification import find_faults
from forest_fire_retrain_tests.example_predictions import log_predictions
from forest_fire_retrain_tests.golden.unpacking import ARCHIVE, HERE, settings_of, unpack

STAMP = Stamp(dt.datetime(2026, 7, 1, 7, tzinfo=dt.UTC), "ada", "cli")
UNTIL = dt.date(2026, 12, 24)
SAME = {
    "kind": "live",
    "model_name": "forest_fire_risk",
    "artifact_sha256": "f" * 64,
    "class_limits": '{"high":0.02,"low":0.0}',
}
NAMES = {
    ("champion", 3): "3df29a9d32727b0e",
    ("shadow", 3): "9e661dac70935d3b",
    ("shadow", 0): "01909c4152350ce1",
}
"""Issues as they are named; the champion's as before there were shadows."""


@pytest.fixture
def golden(tmp_path: Path) -> Installation:
    return build_installation(settings_of(unpack(HERE / ARCHIVE, tmp_path / "home")))


def test_the_rows_of_an_order_and_of_its_end_are_spelled_as_they_were_first() -> None:
    order = ShadowPayload(candidate_id="ab", partition_key="2026-06-01", version=2, until=UNTIL, reason="a trial")
    ended = ShadowEndedPayload(candidate_id="ab", partition_key="2026-06-01", was_until=UNTIL, reason="seen")
    rows = [
        draft_shadow(order, model_name="m", champion=3, stamp=STAMP),
        draft_shadow_ended(ended, model_name="m", champion=3, stamp=STAMP),
    ]
    assert [row.payload_json for row in rows] == [
        '{"candidate_id":"ab","partition_key":"2026-06-01","reason":"a trial","until":"2026-12-24","version":2}',
        '{"candidate_id":"ab","partition_key":"2026-06-01","reason":"seen","version":null,"was_until":"2026-12-24"}',
    ]
    assert [seal(row, 1, GENESIS_HASH).entry_hash[:16] for row in rows] == ["6b2f9a5b9a546155", "1f8cf6060c22b02c"]


@pytest.mark.parametrize(("role", "version"), NAMES)
def test_an_issue_is_named_as_it_was_first(role: str, version: int) -> None:
    cells = {"a": "0" * 64, "b": "1" * 64}
    same = {**SAME, "role": role, "model_version": version}
    assert name_issue(dt.date(2026, 7, 1), 0, cells, same) == NAMES[role, version]


def test_a_report_of_a_look_that_is_older_than_shadows_is_read() -> None:
    written = json.loads((HERE / "look.json").read_text(encoding="utf-8"))
    assert "shadows" not in written
    report = QualityReport.model_validate(written)
    assert report.shadows == ()
    assert {**json.loads(report.model_dump_json()), "shadows": []} == {**written, "shadows": []}


@pytest.mark.slow
def test_candidates_of_an_old_ledger_are_shadows_and_their_words_are_explained(golden: Installation) -> None:
    state = fold(golden.ledger.entries(golden.settings.model_name))
    before = len(golden.ledger.entries())
    other = next(version for version in state.candidates if version != state.champion)
    kept = next(key for key in sorted(state.decisions, reverse=True) if _is_kept(golden, key))
    now = golden.ledger.entries()[-1].recorded_at + dt.timedelta(days=1)
    stamp = STAMP._replace(recorded_at=now)
    until = (now + dt.timedelta(days=30)).date()
    for which in (str(other), kept):
        shadows.order_shadow(golden, which, until=until, reason="a trial", stamp=stamp)
    assert {shadow.version for shadow in shadows.find_shadows(golden, now)} >= {other, None}
    day = dt.date(2024, 8, 24)
    log_predictions(golden, [day])
    rows = log_predictions(golden, [day], kind=PredictionKind.LIVE, version=other, role=Role.SHADOW, scored_at=now)
    cell = rows["cell_id"][0].as_py()
    answer = investigate.explain(cell, day, issue=rows["issue"][0].as_py(), installation=golden)
    assert (answer.prediction.role, answer.prediction.model_version) == ("shadow", other)
    assert [row.kind for row in golden.ledger.entries()[before:]] == ["migration", "migration", "shadow", "shadow"]
    assert find_faults(golden, stamp) == []


def _is_kept(golden: Installation, key: str) -> bool:
    """Whether the candidate of a period is named by the ledger, and was never promoted."""
    state = fold(golden.ledger.entries(golden.settings.model_name))
    candidate_id = str(state.decisions[key].payload["evidence"]["challenger_id"])  # type: ignore[index]
    registered = {held.candidate_id for held in state.candidates.values()}
    return candidate_id not in registered and find_candidate(state, candidate_id) is not None
