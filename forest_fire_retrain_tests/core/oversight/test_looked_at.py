"""The newest look at the predictions raises each matter once, for the champion of now, and no other."""

import datetime as dt

import pytest

from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.monitoring.last_look import LastLook, Moved, QualityState, read_look
from forest_fire_retrain.core.notices.matter_notices import TITLES, TOLD_FROM_ROWS, matter_notices
from forest_fire_retrain.core.notices.notice import Notice, Told
from forest_fire_retrain.core.oversight.open_matters import find_open_matters
from forest_fire_retrain.core.oversight.overdue import Schedule
from forest_fire_retrain.core.periods import Periods
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain_tests.core.oversight.test_open_matters import DAY, HOUR, POLICY, seen
from forest_fire_retrain_tests.example_evidence import NOON

CHANGE = dt.date(2024, 3, 4)
LOOKED = NOON + HOUR
GOING_ON = Schedule(
    Periods(history_start=dt.date(2023, 1, 2), history_end=None, cadence=Cadence.WEEKLY, policy=POLICY),
    prediction_hour=7,
    decision_hours=87_600,
    prediction_hours=87_600,
)


def look(state: QualityState = QualityState.OK, **changes: object) -> LastLook:
    fields = {"version": 1, "state": state, "sentence": "so it is", "looked_at": LOOKED, "change": None}
    return LastLook(**{**fields, **changes})  # type: ignore[arg-type] # validated


def found(newest: LastLook | None, **changes: object) -> list[Matter]:
    return find_open_matters(seen(**{"now": LOOKED + HOUR, "last_look": newest, **changes}))


def kinds(newest: LastLook | None, **changes: object) -> list[MatterKind]:
    return [matter.kind for matter in found(newest, **changes)]


def test_a_champion_that_does_well_needs_nobody() -> None:
    assert found(look()) == []
    assert found(None) == []


def test_an_alarm_is_named_by_its_first_week_and_promotes_nothing() -> None:
    (matter,) = found(look(QualityState.ALARM, change=CHANGE))
    assert (matter.kind, matter.key) == (MatterKind.QUALITY_ALARM, "quality_alarm/1/2024-03-04")
    assert matter.sentence == "so it is"
    assert "promotes nothing" in matter.remedy
    (later,) = found(look(QualityState.ALARM, change=CHANGE, looked_at=LOOKED + 7 * DAY, sentence="the chart is at 9"))
    assert later.key == matter.key


def test_blindness_is_one_matter_and_does_not_end_an_alarm() -> None:
    (matter,) = found(look(QualityState.BLIND))
    assert (matter.kind, matter.key) == (MatterKind.QUALITY_BLIND, "quality_blind/1")
    both = found(look(QualityState.BLIND, change=CHANGE))
    assert [matter.kind for matter in both] == [MatterKind.QUALITY_BLIND, MatterKind.QUALITY_ALARM]
    assert both[1].sentence == "the alarm that began in the week from 2024-03-04 is not known to be over"


def test_what_was_said_of_another_champion_is_no_matter() -> None:
    assert found(look(QualityState.ALARM, change=CHANGE, version=2)) == []
    before = NOON - DAY
    assert found(look(QualityState.ALARM, change=CHANGE, looked_at=before), now=NOON + HOUR) == []
    assert MatterKind.QUALITY_ALARM not in kinds(look(QualityState.ALARM, change=CHANGE), state=LedgerState())


def test_a_shift_is_told_with_its_figures_and_is_no_reason_to_promote() -> None:
    (matter,) = found(look(moved=(Moved(name="temp_max_c", index=0.531),), limit=0.25))
    assert (matter.kind, matter.key) == (MatterKind.POPULATION_SHIFT, "population_shift/1")
    assert "temp_max_c 0.53 (population stability index, limit 0.25)" in matter.sentence
    assert "no reason to promote" in matter.remedy


def test_a_look_that_is_too_old_is_told_as_long_as_the_history_goes_on() -> None:
    allowed = dt.timedelta(days=10)
    assert kinds(look(), schedule=GOING_ON, now=LOOKED + allowed) == []
    (matter,) = found(look(), schedule=GOING_ON, now=LOOKED + allowed + HOUR)
    assert (matter.kind, matter.key) == (MatterKind.QUALITY_OVERDUE, f"quality_overdue/{LOOKED.date()}")
    assert "10 days ago (allowed: 10)" in matter.sentence
    assert kinds(look(), now=LOOKED + 3 * allowed) == []
    old = look(QualityState.ALARM, change=CHANGE)
    both = [MatterKind.QUALITY_ALARM, MatterKind.QUALITY_OVERDUE]
    assert kinds(old, schedule=GOING_ON, now=LOOKED + 2 * allowed) == both


def notices(matters: list[Matter], told: list[Notice]) -> list[Notice]:
    before = [Told(notice.kind, notice.key, notice.matter, notice.is_over, notice.sentence) for notice in told]
    return matter_notices(matters, before, "forest_fire_risk", LOOKED)


def test_an_alarm_is_told_once_and_that_it_is_over_once() -> None:
    opened = notices(found(look(QualityState.ALARM, change=CHANGE)), [])
    assert [notice.kind for notice in opened] == ["quality_alarm"]
    again = look(QualityState.ALARM, change=CHANGE, sentence="the chart is at 9", looked_at=LOOKED + 7 * DAY)
    assert notices(found(again), opened) == []
    closed = notices(found(look()), opened)
    assert [notice.is_over for notice in closed] == [True]
    assert notices(found(look()), [*opened, *closed]) == []
    another = look(QualityState.ALARM, change=CHANGE + 21 * DAY)
    assert len(notices(found(another), [*opened, *closed])) == 1


def test_every_kind_that_is_told_has_a_title() -> None:
    assert set(MatterKind) == set(TITLES) | TOLD_FROM_ROWS


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "state": "FINE"}'])
def test_a_record_that_cannot_be_read_is_an_error_and_not_health(text: str) -> None:
    with pytest.raises(HomeError, match="newest record of prediction_quality cannot be read"):
        read_look(text)
