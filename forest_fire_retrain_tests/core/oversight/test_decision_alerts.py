"""Alerts and doubts of decisions as matters: each of its kind, one per occurrence, gone when it is settled."""

import datetime as dt
import json
from collections.abc import Sequence

import pytest

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.oversight import decision_alerts
from forest_fire_retrain.core.oversight.decision_alerts import find_doubts, find_in_decisions, kind_of
from forest_fire_retrain_tests.core.decision.test_alerts import EQUAL, WORSE, case_of, weeks_with, with_finding
from forest_fire_retrain_tests.example_evidence import (
    RULE,
    change_ledger,
    decision_draft,
    draft,
    example_case,
    example_window,
    findings,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

SILENT = "the weather feed is silent from 2024-02-19 to 2024-02-25: wind is missing (look at the weather feed)"
FEW = "fewer fires than the season expects were recorded in [a, b): 1, expected 12 (look at the fire reports)"
BLOCKED = "the guardrail RANK_SHIFT has blocked 3 periods in a row (look at what it says of each)"
OLD = "the champion's training ended 400 days ago, an alert is due from 365"


def blocked_case() -> Case:
    case = example_case(EQUAL, guardrails=findings(ReasonCode.RANK_SHIFT))
    return change_ledger(case, blocked_by=ReasonCode.RANK_SHIFT, blocked_in_a_row=2)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (with_finding(example_case(EQUAL), ReasonCode.SCHEMA, passed=False, value=1.0), MatterKind.FEED),
        (with_finding(example_case(EQUAL), ReasonCode.SCHEMA, passed=False, value=0.0), MatterKind.FEED),
        (blocked_case(), MatterKind.GUARDRAIL_REPEATS),
        (example_case(WORSE, champion_age_days=547), MatterKind.CHAMPION_OLD),
        (case_of(weeks_with(0, 0.7, 15)), MatterKind.LABELS_DOUBTED),
    ],
)
def test_every_alert_that_a_decision_makes_is_known_by_how_it_opens(case: Case, kind: MatterKind) -> None:
    (alert,) = adjudicate(case, RULE).alerts
    assert kind_of(alert) is kind
    assert any(alert.startswith(opening) for opening in decision_alerts.OPENINGS)


def state_with(*weeks: Sequence[str], reason: ReasonCode = ReasonCode.RANK_SHIFT) -> LedgerState:
    """Decisions of one week after the other, with these alerts."""
    ledger = FakeLedger()
    for week, alerts in enumerate(weeks):
        plain = decision_draft(week)
        payload = json.loads(plain.payload_json)
        payload["decision"]["alerts"] = list(alerts)
        ledger.append(plain.model_copy(update={"payload_json": canonical_json(payload), "reason_code": reason}))
    return fold(ledger.rows)


def matters_of(*weeks: Sequence[str]) -> list[Matter]:
    return list(find_in_decisions(state_with(*weeks)))


def test_an_alert_becomes_a_sentence_and_where_to_look() -> None:
    (matter,) = matters_of([SILENT])
    assert matter.kind is MatterKind.FEED
    assert matter.sentence == SILENT.partition(" (")[0]
    assert matter.remedy == "Look at the weather feed"
    (earlier,) = matters_of([SILENT.replace("from 2024-02-19 to 2024-02-25", "in [2024-02-19, 2024-02-26)")])
    assert (earlier.kind, earlier.key) == (matter.kind, matter.key)
    (older,) = matters_of([SILENT.replace(" (", "; ").rstrip(")")])
    assert (older.sentence, older.remedy) == (matter.sentence, matter.remedy)
    assert [found.kind for found in matters_of([BLOCKED, OLD])] == [
        MatterKind.GUARDRAIL_REPEATS,
        MatterKind.CHAMPION_OLD,
    ]


def test_the_newest_decision_speaks_and_nothing_decided_says_nothing() -> None:
    assert matters_of() == []
    assert matters_of([SILENT], []) == []


def test_the_same_alert_in_a_row_is_one_matter_and_begins_anew_after_a_break() -> None:
    first, *_ = sorted(state_with([SILENT]).decisions)
    assert {found.key for weeks in ([[SILENT]], [[SILENT]] * 3) for found in matters_of(*weeks)} == {f"feed/{first}"}
    (anew,) = matters_of([SILENT], [], [SILENT])
    assert anew.key not in (f"feed/{first}", "feed/")


def doubted_state(*windows: tuple[int, int], suspect: list[dict[str, object]] | None = None) -> LedgerState:
    """Decisions that doubt these days of 2024, first and last, and what the newest of them found counting again."""
    ledger = FakeLedger()
    for week, (first, last) in enumerate(windows):
        plain = decision_draft(week)
        payload = json.loads(plain.payload_json)
        own = count_in(last - 6, last, 0)["window"]
        counted = count_in(first, last, 2 + week)
        payload["evidence"] |= {"window": own, "labels_are_suspect": True, "label_count": counted}
        payload["suspect"] = suspect
        ledger.append(plain.model_copy(update={"payload_json": canonical_json(payload)}))
    return fold(ledger.rows)


def count_in(first: int, last: int, n_fires: int) -> dict[str, object]:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in (first, last + 1)]
    return {"window": {"start": str(days[0]), "end": str(days[1])}, "n_fires": n_fires, "n_expected": 20.0}


def test_doubted_windows_that_overlap_are_cleared_by_one_order() -> None:
    one, other = find_doubts(doubted_state((0, 27), (7, 34), (35, 62)))
    assert one.key == "labels_doubted/2024-01-01"
    assert one.sentence == (
        "the fire reports of 2024-01-01 to 2024-02-04 are doubted: in 2 windows that overlap; in the worst, "
        "2024-01-01 to 2024-01-28, 2 fires were recorded, about 20 were expected"
    )
    assert "--from 2024-01-01 --to 2024-02-04 " in one.remedy
    assert other.sentence.startswith("the fire reports of 2024-02-05 to 2024-03-03 are doubted: 4 fires were recorded")


def test_doubts_are_those_that_the_newest_decision_found_when_it_counted_again() -> None:
    windows = ((0, 6), (20, 26), (40, 46))
    assert len(list(find_doubts(doubted_state(*windows)))) == 3
    (own,) = find_doubts(doubted_state(*windows, suspect=[]))
    assert own.key == "labels_doubted/2024-02-10"
    earlier, own = find_doubts(doubted_state(*windows, suspect=[count_in(20, 26, 9)]))
    assert "9 fires were recorded" in earlier.sentence
    assert own.key == "labels_doubted/2024-02-10"


def test_an_alert_goes_on_over_an_active_period_whose_key_sorts_behind_the_next_scheduled_one() -> None:
    state = state_with([SILENT], [SILENT], [SILENT])
    first, second, third = state.decisions.values()
    renamed = second.model_copy(update={"partition_key": "2024-12-24+active"})
    ordered = fold([first, renamed, third])
    assert ordered.newest_partition == third.partition_key
    (matter,) = find_in_decisions(ordered)
    assert matter.key == f"feed/{first.partition_key}"


def test_the_doubt_about_days_that_two_periods_share_is_one_matter() -> None:
    flagged = example_window(0, n_days=14, labels_are_suspect=True, partition_key="2024-01-29+active")
    again = example_window(0, n_days=28, labels_are_suspect=True)
    ledger = FakeLedger()
    for week, evidence in enumerate((flagged, again)):
        row = decision_draft(week)
        payload = {**json.loads(row.payload_json), "evidence": evidence.model_dump(mode="json")}
        key = {"partition_key": evidence.partition_key}
        ledger.append(row.model_copy(update={**key, "payload_json": canonical_json(payload)}))
    doubts = list(decision_alerts.find_doubts(fold(ledger.rows)))
    assert [doubt.key for doubt in doubts] == ["labels_doubted/2024-01-01"]
    assert "2024-01-28" in doubts[0].sentence


def test_fires_that_stay_away_are_no_matter_once_a_person_vouched_for_them() -> None:
    assert [found.kind for found in matters_of([FEW])] == [MatterKind.LABELS_DOUBTED]
    state = state_with([FEW])
    entry = state.last_decision
    assert entry is not None
    window = decision_alerts.read_evidence(entry).window
    cleared = FakeLedger([entry])
    payload = {"window": window.model_dump(mode="json"), "partitions": [], "reason": "the ranger was ill"}
    cleared.append(draft(EntryKind.LABELS_CLEARED, payload=payload))
    assert list(find_in_decisions(fold(cleared.rows))) == []
