"""Verdicts are asked for between periods: the lake is brought to their day, and later periods see no difference."""

import copy
import datetime as dt
import shutil
import zipfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from forest_fire_retrain import ingestion, operations
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.adapters.witness_key import WitnessKey, is_signed
from forest_fire_retrain.core.errors import LakeError, TrackingError
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.ledger.evidence_check import check_pack
from forest_fire_retrain.core.ledger.shadow_times import ShadowTime
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.matters import MatterKind
from forest_fire_retrain.core.oversight.open_matters import find_open_matters
from forest_fire_retrain.core.oversight.overdue import Schedule, find_overdue_verdict
from forest_fire_retrain.core.records import Candidate, HoldoutSet, Knowledge
from forest_fire_retrain.core.serving.log_notes import LastLive
from forest_fire_retrain.core.windows import midnight
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.preparing.featuring import complete_through
from forest_fire_retrain.pipeline.retraining.adjudicating import adjudicate_partition
from forest_fire_retrain.pipeline.retraining.giving_verdicts import Verdicts
from forest_fire_retrain.pipeline.retraining.judging import Question
from forest_fire_retrain.proofs import write_evidence
from forest_fire_retrain_tests.core.oversight.test_open_matters import seen
from forest_fire_retrain_tests.example_installation import example_installation, throwaway_home
from forest_fire_retrain_tests.example_reigns import EASY, PARK, ingest, train

WEEKS = ("2025-07-07", "2025-07-14", "2025-07-21", "2025-07-28", "2025-08-04")
NEXT_WEEK = "2025-08-11"
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
N_DAYS = 10
AFTERWARDS = dt.date(2025, 9, 1)
MODEL = "forest_fire_risk"


def ordered_on(day: dt.date, hour: int = 7) -> Stamp:
    return Stamp(midnight(day) + hour * HOUR, "ada", "cli")


def decide(installation: Installation, key: str) -> tuple[HoldoutSet, Candidate]:
    """Retrain a period on the morning after it, with a shadow time ahead of every promotion."""
    ingest(installation, [key])
    holdout, candidate = train(installation, key, Knowledge.AS_CORRECTED)
    question = Question(MODEL, holdout, candidate, EASY, shadow_days=N_DAYS)
    adjudicate_partition(installation.stores, question, ordered_on(holdout.windows.as_of, 6))
    return holdout, candidate


@lru_cache
def _decide_five_weeks() -> Installation:
    made = example_installation(throwaway_home(), adjudication=EASY, simulator=PARK, shadow_days=N_DAYS)
    for key in WEEKS:
        decide(made, key)
    return made


@pytest.fixture
def installation() -> Installation:
    """Five weeks decided; the candidates of all but the first are in shadow. A copy of its own for each test."""
    made = _decide_five_weeks()
    names = ("lake", "records", "tracker", "models", "registry", "ledger")
    copied = replace(made, **copy.deepcopy({name: getattr(made, name) for name in names}))
    copied.__dict__["environment"] = made.environment  # code that is edited while tests run is no other code to them
    shutil.rmtree(made.settings.export_folder, ignore_errors=True)
    return copied


def shadows_of(installation: Installation) -> list[ShadowTime]:
    return fold(installation.ledger.entries(MODEL)).in_shadow


def test_a_verdict_falls_on_its_day_in_the_middle_of_a_period(installation: Installation) -> None:
    first = shadows_of(installation)[0]
    assert first.due == dt.date(2025, 8, 14)  # a Thursday
    assert complete_through(installation.lake) == dt.date(2025, 8, 11)
    assert operations.give_verdicts(installation, ordered_on(first.due - DAY)) == Verdicts()
    assert complete_through(installation.lake) == dt.date(2025, 8, 11)
    given = operations.give_verdicts(installation, ordered_on(first.due))
    assert [str(row.decision_id) for row in given.rows] == [str(first.decision.decision_id)]
    assert complete_through(installation.lake) == first.due
    assert fold(installation.ledger.entries(MODEL)).champion == 2
    assert shadows_of(installation) == []  # the others were compared with version 1
    assert read_export(installation.settings.export_folder) == installation.ledger.entries()
    assert operations.give_verdicts(installation, ordered_on(first.due + DAY)) == Verdicts()


def test_the_ingest_for_it_changes_nothing_for_the_period_that_follows(
    installation: Installation, tmp_path: Path
) -> None:
    operations.give_verdicts(installation, ordered_on(shadows_of(installation)[0].due))
    without = example_installation(tmp_path / "other", adjudication=EASY, simulator=PARK)
    for key in WEEKS:
        ingest(without, [key])
    ingest(without, [NEXT_WEEK])
    holdout, candidate = train(without, NEXT_WEEK, Knowledge.AS_CORRECTED)
    again, same = decide(installation, NEXT_WEEK)
    assert again.content_hash == holdout.content_hash
    assert (same.training_hash, same.prediction_hash) == (candidate.training_hash, candidate.prediction_hash)


def test_a_verdict_waits_for_the_periods_that_end_before_it(installation: Installation) -> None:
    shadow = shadows_of(installation)[1]
    assert shadow.due == dt.date(2025, 8, 21)
    late = ordered_on(shadow.due)
    given = operations.give_verdicts(installation, late)  # the week that ends on 2025-08-18 waits
    assert [row.decision_id for row in given.rows] == [installation.ledger.entries()[2].decision_id]


def test_a_source_that_cannot_be_ingested_keeps_it_waiting(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = shadows_of(installation)[0].due

    def refuse(*_arguments: object) -> None:
        raise LakeError("the lake is written by another run")

    monkeypatch.setattr(ingestion, "ingest_weather", refuse)
    given = operations.give_verdicts(installation, ordered_on(due))
    assert given.rows == ()
    assert given.waiting == (
        f"what was recorded before {due} cannot be ingested: the lake is written by another run",
        f"{shadows_of(installation)[0]} waits: the lake holds what was recorded before 2025-08-11",
    )


def test_a_verdict_that_is_not_given_becomes_overdue(installation: Installation) -> None:
    state, due = fold(installation.ledger.entries(MODEL)), shadows_of(installation)[0].due
    schedule = Schedule(installation.settings.periods, 7, 24, 6)
    at = ordered_on(due, 6).recorded_at
    assert find_overdue_verdict(state, schedule, at + 23 * HOUR) is None
    found = find_overdue_verdict(state, schedule, at + 24 * HOUR)
    assert found is not None
    assert (found.what, found.due_at, found.n_overdue) == (WEEKS[1], at, 1)
    observed = seen(state=state, schedule=schedule, now=at + 25 * HOUR, last_live=LastLive(due + DAY, 0.0))
    (matter,) = (one for one in find_open_matters(observed) if one.kind is MatterKind.DECISION_OVERDUE)
    assert matter.key == f"decision_overdue/{WEEKS[1]}+shadow"
    assert matter.sentence == (
        f"the verdict on the shadow time of the candidate of {WEEKS[1]} was due on {at.isoformat()} and is not given "
        "25 hours later (allowed: 24); 1 verdict overdue"
    )


def test_a_pack_proves_the_decision_and_the_verdict(installation: Installation, tmp_path: Path) -> None:
    operations.give_verdicts(installation, ordered_on(shadows_of(installation)[0].due))
    decide(installation, NEXT_WEEK)
    for key, rows in ((WEEKS[1], "3, 7, 8"), (NEXT_WEEK, "3, 7, 8, 12")):
        pack = tmp_path / f"{key}.zip"
        published = installation.published_ledger._replace(signer=WitnessKey(tmp_path / "witness.key", is_made=True))
        write_evidence(published, installation.records, key, pack, now=ordered_on(AFTERWARDS).recorded_at)
        with zipfile.ZipFile(pack) as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
        report = check_pack(files, is_signed)
        assert report.holds, report.findings
        said = " ".join(finding.sentence for finding in report.findings)
        assert rows in said
        assert ("the shadow verdict of" in said) == (key == WEEKS[1])


def test_a_shadow_time_whose_end_was_cut_is_finished_by_up(installation: Installation) -> None:
    def cut(point: str) -> None:
        if point == "before append" and installation.ledger.entries()[-1].kind == "confirmation":
            raise LakeError("cut")

    installation.ledger.interrupt = cut  # type: ignore[attr-defined]
    with pytest.raises(LakeError, match="cut"):
        operations.give_verdicts(installation, ordered_on(shadows_of(installation)[0].due))
    installation.ledger.interrupt = lambda _point: None  # type: ignore[attr-defined]
    assert len(shadows_of(installation)) == 3
    assert [row.kind for row in operations.finish_interrupted(installation, ordered_on(dt.date(2025, 8, 14), 8))] == [
        "abandonment"
    ] * 3
    assert shadows_of(installation) == []


def run_names(installation: Installation) -> list[str]:
    """Names of the candidates' runs, in the order of the periods."""
    decisions = fold(installation.ledger.entries(MODEL)).decisions
    runs = {run.run_id: run.name for run in installation.tracker.runs}  # type: ignore[attr-defined] # of the fake
    return [runs[str(decisions[key].mlflow_run_id)] for key in WEEKS[1:]]


def test_runs_are_named_by_how_the_shadow_times_of_their_candidates_ended(installation: Installation) -> None:
    operations.give_verdicts(installation, ordered_on(shadows_of(installation)[0].due))
    assert run_names(installation) == [
        f"{WEEKS[1]} promoted after its shadow time",
        *(f"{key} abandoned in its shadow time (champion stays)" for key in WEEKS[2:]),
    ]


def test_a_run_that_cannot_be_named_keeps_no_verdict(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        msg = "MLflow is away"
        raise TrackingError(msg)

    monkeypatch.setattr(installation.tracker, "name_run", refuse)
    given = operations.give_verdicts(installation, ordered_on(shadows_of(installation)[0].due))
    assert len(given.rows) == 1
    assert fold(installation.ledger.entries(MODEL)).champion == 2
