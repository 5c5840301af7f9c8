"""Champions of a tiny park are watched as the product watches them, and alarms are counted as documented."""

import datetime as dt
import math

import pytest

from forest_fire_retrain.backtest.candidates import train_on_panel
from forest_fire_retrain.backtest.monitor_summary import summarise_monitors
from forest_fire_retrain.backtest.monitors import Monitor, Watched, measure_monitor
from forest_fire_retrain.backtest.panel import load_panel
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.streams import plan_periods
from forest_fire_retrain.backtest.studies import Questions, StudyResult, study_stream
from forest_fire_retrain.backtest.watcher import Served, Watch, Watcher
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain_tests.backtest.test_replaying import PLAN

RULE = MonitorRule()
MONDAY = dt.date(2024, 1, 1)


@pytest.fixture(scope="module")
def result() -> StudyResult:
    return study_stream(PLAN._replace(scenario=Scenario.NONE), RULE, Questions())


def test_the_same_plan_gives_the_same_result(result: StudyResult) -> None:
    heard: list[tuple[int, int]] = []
    again = study_stream(PLAN._replace(scenario=Scenario.NONE), RULE, Questions(), lambda *told: heard.append(told))
    assert again == result
    assert heard[-1] == (7, 7)


def test_every_monday_with_a_champion_is_looked_at(result: StudyResult) -> None:
    kept = result.monitors[0]
    assert (kept.monitor, kept.watched) == (Monitor.CUSUM, Watched.KEPT)
    assert kept.first_day is not None
    assert kept.first_day.weekday() == 0
    n_mondays = (PLAN.span.end - kept.first_day).days // 7 + 1
    assert kept.n_weeks == kept.n_weeks_clean == n_mondays


def watches(*values: float, states: dict[int, QualityState] | None = None, reign: int = 0) -> list[Watch]:
    return [
        Watch(
            day=MONDAY + dt.timedelta(days=7 * place),
            reign=reign,
            state=(states or {}).get(place, QualityState.OK),
            cusum=value,
            log_detector=value,
        )
        for place, value in enumerate(values)
    ]


def test_an_alarm_is_counted_once_until_the_chart_is_back_at_zero() -> None:
    found = measure_monitor(Monitor.CUSUM, Watched.KEPT, watches(0, 6, 4, 6, 0, 6), None, RULE)
    assert found.alarms == (MONDAY + dt.timedelta(days=7), MONDAY + dt.timedelta(days=35))
    assert found.n_false_alarms == 2


def test_a_new_reign_begins_without_alarm() -> None:
    found = measure_monitor(Monitor.CUSUM, Watched.SERVED, [*watches(6), *watches(6, reign=1)], None, RULE)
    assert len(found.alarms) == 2


def test_who_is_blind_raises_no_alarm() -> None:
    found = measure_monitor(Monitor.CUSUM, Watched.KEPT, watches(0, 6, states={1: QualityState.BLIND}), None, RULE)
    assert found.alarms == ()
    assert (found.n_blind_weeks, found.n_blind_weeks_clean) == (1, 1)


def test_delays_are_counted_from_the_change() -> None:
    change = MONDAY + dt.timedelta(days=10)
    seen = watches(6, 0, 0, 6, states={2: QualityState.BLIND})
    found = measure_monitor(Monitor.CUSUM, Watched.KEPT, seen, change, RULE)
    assert (found.n_false_alarms, found.delay_days, found.blind_delay_days) == (1, 11, 4)
    assert (found.n_weeks_clean, found.was_in_alarm) == (2, False)


def test_a_history_that_is_in_alarm_at_the_change_has_no_delay_in_the_table() -> None:
    change = MONDAY + dt.timedelta(days=10)
    alarmed = measure_monitor(Monitor.CUSUM, Watched.KEPT, watches(6, 6, 6), change, RULE)
    assert alarmed.was_in_alarm
    result = StudyResult(
        label="a", scenario=Scenario.SUDDEN, cadence=Cadence.MONTHLY, seed=1, n_cells=6, monitors=(alarmed,)
    )
    (row,) = summarise_monitors([result], [Monitor.CUSUM])
    assert (row.n_changed, row.median_delay_days, row.n_undetected) == (0, None, 0)


def test_the_table_puts_streams_together() -> None:
    one = measure_monitor(Monitor.DETECTOR, Watched.KEPT, watches(0, 6, 0, 0), None, RULE)
    two = measure_monitor(Monitor.DETECTOR, Watched.KEPT, watches(0, 0, 0, 0), None, RULE)
    results = [
        StudyResult(
            label=name, scenario=Scenario.NONE, cadence=Cadence.MONTHLY, seed=seed, n_cells=6, monitors=(found,)
        )
        for seed, (name, found) in enumerate([("one", one), ("two", two)])
    ]
    (row,) = summarise_monitors(results, [Monitor.DETECTOR])
    assert row.n_streams == 2
    assert row.false_alarms_per_year == pytest.approx(1 / 8 * 365.25 / 7)
    assert row.median_run_weeks == 1.0
    assert row.n_undetected is None
    assert math.isclose(row.n_years, 8 * 7 / 365.25)


def test_the_morning_after_a_report_is_no_silence() -> None:
    plan = PLAN._replace(scenario=Scenario.NONE, seed=1)
    panel = load_panel(plan)
    reign = Served(plan_periods(plan)[0].as_of, train_on_panel(panel, plan, plan_periods(plan)[0], None))
    watcher = Watcher(panel, [], plan, RULE)
    recorded = [dt.datetime.fromtimestamp(us / 1e6, dt.UTC).date() for us in panel.reports.known_from_us.tolist()]
    newest = next(day for day in sorted(recorded) if day > reign.since and day + dt.timedelta(days=1) not in recorded)
    heard = {n_days: watcher._listen(newest + dt.timedelta(days=n_days), reign) for n_days in (1, 2)}
    assert {heartbeat.last_recorded for heartbeat in heard.values()} == {newest}
    assert heard[1].expected_since == 0.0
    assert heard[2].expected_since > 0.0
