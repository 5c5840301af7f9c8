"""What needs a person: every matter is found where its fact is, and in no other case."""

import datetime as dt

import pytest

from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.matters import MatterKind
from forest_fire_retrain.core.oversight.notes import Verification
from forest_fire_retrain.core.oversight.observed import FailedRun, Limits, Observed, SeenCopy, SeenRegistry
from forest_fire_retrain.core.oversight.open_matters import describe_registry, find_open_matters
from forest_fire_retrain.core.oversight.overdue import Schedule
from forest_fire_retrain.core.periods import Periods
from forest_fire_retrain.core.serving.log_notes import LastLive
from forest_fire_retrain.core.windows import Cadence, WindowPolicy
from forest_fire_retrain_tests.example_evidence import NOON, confirmation_draft, decision_draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=400, min_training_days=60)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


def promoted(*, is_confirmed: bool = True) -> LedgerState:
    ledger = FakeLedger()
    intent = ledger.append(decision_draft(0))
    if is_confirmed:
        ledger.append(confirmation_draft(str(intent.decision_id), 1))
    return fold(ledger.rows)


def seen(**changes: object) -> Observed:
    """A home that needs nobody, but for `changes`."""
    ended = Periods(history_start=dt.date(2023, 1, 2), history_end=NOON.date(), cadence=Cadence.WEEKLY, policy=POLICY)
    calm = Observed(
        model_name="forest_fire_risk",
        state=promoted(),
        written={EntryKind.DECISION: NOON},
        now=NOON + HOUR,
        schedule=Schedule(ended, prediction_hour=7, decision_hours=24, prediction_hours=6),
        limits=Limits(failed_run_days=7, share_without_weather=0.2),
        registry=SeenRegistry(1, frozenset({1})),
        failed_runs=(),
        last_live=LastLive(NOON.date(), 0.0),
        last_verify=Verification.of([], NOON),
        runs_page="http://127.0.0.1:3000/runs/",
    )
    return calm._replace(**changes)


def failed(job: str = "retraining_job", at: dt.datetime = NOON + HOUR) -> FailedRun:
    return FailedRun("run-1", job, "2024-01-01", at - HOUR, at, "the weather is gone.")


def kinds(observed: Observed) -> list[MatterKind]:
    return [matter.kind for matter in find_open_matters(observed)]


def test_a_home_in_which_all_is_well_needs_nobody() -> None:
    assert find_open_matters(seen()) == []
    assert describe_registry(seen()) == "agrees"
    assert find_open_matters(seen(last_verify=None, last_live=None)) == []


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        (SeenRegistry(None, frozenset({1})), "points at nothing, the ledger's champion is version 1"),
        (SeenRegistry(2, frozenset({1, 2})), "points at version 2, the ledger's champion is version 1"),
        (SeenRegistry(1, frozenset()), "version 1 of forest_fire_risk, the champion, is not in the registry"),
        (SeenRegistry(None, frozenset(), "it is down"), "the registry cannot be asked: it is down"),
    ],
)
def test_a_registry_that_differs_or_cannot_be_asked_is_a_matter(registry: SeenRegistry, said: str) -> None:
    (matter,) = find_open_matters(seen(registry=registry))
    assert matter.kind is MatterKind.REGISTRY_DIFFERS
    assert said in matter.sentence
    assert describe_registry(seen(registry=registry)) == matter.sentence
    assert str(matter).startswith(f"{matter.sentence}. ")


def test_a_copy_that_is_missing_or_was_left_behind_is_a_matter() -> None:
    (missing,) = find_open_matters(seen(ledger_copy=SeenCopy(missing="home/export/ledger.parquet")))
    assert missing.sentence == "the ledger has no copy for readers: home/export/ledger.parquet is missing"
    row = FakeLedger().append(confirmation_draft("decision-1", 1))
    left = seen(ledger_copy=SeenCopy(unpublished=row))
    assert find_open_matters(left._replace(now=row.recorded_at + dt.timedelta(minutes=9))) == []
    (behind,) = find_open_matters(left._replace(now=row.recorded_at + dt.timedelta(minutes=10)))
    assert behind.sentence.startswith(f"the ledger's copy lacks row {row.sequence} of 2")
    assert {missing.kind, behind.kind} == {MatterKind.FAULT_FOUND}
    assert "forest-fire ledger export" in missing.remedy
    assert "forest-fire ledger export" in behind.remedy


def test_a_promotion_on_its_way_is_no_matter_until_it_stays_there() -> None:
    underway = seen(state=promoted(is_confirmed=False), registry=SeenRegistry(None, frozenset()))
    assert find_open_matters(underway) == []
    assert describe_registry(underway).startswith("on its way: ")
    (matter,) = find_open_matters(underway._replace(now=NOON + 24 * HOUR))
    assert (matter.kind, matter.remedy) == (
        MatterKind.REGISTRY_DIFFERS,
        "The next run finishes it: forest-fire retrain",
    )


def test_a_failed_run_is_named_with_its_message_and_its_page() -> None:
    (matter,) = find_open_matters(seen(failed_runs=(failed(),)))
    assert matter.kind is MatterKind.RUN_FAILED
    assert matter.key == "run_failed/run-1"
    assert matter.sentence.endswith(": the weather is gone")
    assert matter.remedy.endswith("http://127.0.0.1:3000/runs/run-1")


def test_a_failed_run_is_settled_by_what_was_done_since_or_by_time() -> None:
    runs = (failed(),)
    assert kinds(seen(failed_runs=runs, written={EntryKind.DECISION: NOON + 2 * HOUR})) == []
    assert kinds(seen(failed_runs=runs, written={EntryKind.ROLLBACK: NOON + 2 * HOUR})) == [MatterKind.RUN_FAILED]
    assert kinds(seen(failed_runs=runs, now=NOON + HOUR + 7 * DAY)) == [MatterKind.RUN_FAILED]
    assert kinds(seen(failed_runs=runs, now=NOON + HOUR + 7 * DAY + dt.timedelta(seconds=1))) == []
    ordered = (failed("rollback_job"),)
    assert kinds(seen(failed_runs=ordered, written={EntryKind.ROLLBACK: NOON + 2 * HOUR})) == []
    assert kinds(seen(failed_runs=(failed("somebodys_job"),), written={})) == [MatterKind.RUN_FAILED]


def test_an_order_that_was_refused_as_asked_is_named_for_a_day() -> None:
    for job, is_over in (("rollback_job", True), ("clear_labels_job", True), ("retraining_job", False)):
        refused = (failed(job)._replace(is_refused=True),)
        assert kinds(seen(failed_runs=refused, written={}, now=NOON + HOUR + DAY)) == [MatterKind.RUN_FAILED]
        later = seen(failed_runs=refused, written={}, now=NOON + 2 * HOUR + DAY)
        assert kinds(later) == ([] if is_over else [MatterKind.RUN_FAILED])
        assert kinds(later._replace(failed_runs=(failed(job),))) == [MatterKind.RUN_FAILED]


def test_what_verify_found_is_told_once_and_until_a_clean_one() -> None:
    found = Verification.of(["lake: a page is gone", "copy: it is old"], NOON)
    told = find_open_matters(seen(last_verify=found, failed_runs=(failed("verify_job"),)))
    assert [matter.kind for matter in told] == [MatterKind.FAULT_FOUND]
    assert "verify found 2 faults on" in told[0].sentence
    again = find_open_matters(
        seen(last_verify=Verification.of(["copy: it is old", "lake: a page is gone"], NOON + DAY))
    )
    assert again[0].key == told[0].key
    assert find_open_matters(seen(last_verify=Verification.of(["copy: it is old"], NOON)))[0].key != told[0].key


def test_what_is_overdue_keeps_its_key_until_it_is_made() -> None:
    going_on = seen().schedule
    going_on = going_on._replace(periods=going_on.periods.model_copy(update={"history_end": None}))
    late = [seen(schedule=going_on, now=NOON + days * DAY) for days in (30, 40)]
    first, second = ({matter.kind: matter for matter in find_open_matters(observed)} for observed in late)
    assert set(first) == {MatterKind.DECISION_OVERDUE, MatterKind.PREDICTION_OVERDUE}
    assert {kind: matter.key for kind, matter in first.items()} == {kind: m.key for kind, m in second.items()}
    assert first != second
    assert "(allowed: 24)" in first[MatterKind.DECISION_OVERDUE].sentence


def test_a_prediction_without_weather_is_about_the_feed() -> None:
    (matter,) = find_open_matters(seen(last_live=LastLive(NOON.date(), 0.5)))
    assert (matter.kind, matter.key) == (MatterKind.FEED, f"feed/prediction/{NOON.date()}")
    assert matter.remedy == "Look at the source, then run: forest-fire predict"
