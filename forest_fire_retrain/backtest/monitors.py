"""What monitoring would have said, week after week, of the champions of a replayed history.

Definitions
-----------
- Every Monday the whole reign is looked at again with the reports known by then, exactly as `prediction_quality` does.
- `kept` monitors the first champion for the whole history; `served` monitors whoever the product's rule has promoted.
- An alarm counts when it is raised; it is false before the change of a scenario, and everywhere without one.
- The delay of a change is the days from it to the first alarm raised after it. A history that is in alarm when the
  change comes has none.
- Blind days are those on which monitoring says that it cannot know; the delay of blindness is the days from the change
  to the first of them.
"""

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum

from forest_fire_retrain.backtest.scenarios import Scenario, change_date
from forest_fire_retrain.backtest.streams import StreamPlan
from forest_fire_retrain.backtest.watcher import Watch
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.records import Record


class Monitor(StrEnum):
    """A chart whose alarms are measured."""

    CUSUM = "cusum"
    DETECTOR = "e-detector"


class Watched(StrEnum):
    """Whose predictions are monitored."""

    KEPT = "kept"
    SERVED = "served"


class MonitorMeasures(Record):
    """One monitor on one history.

    Attributes
    ----------
    monitor, watched : Monitor, Watched
        Which chart, of whose predictions.
    first_day : datetime.date, optional
        First Monday looked at.
    n_weeks, n_weeks_clean : int
        Mondays looked at; those of them before the change, all without one.
    alarms : tuple of datetime.date
        Mondays on which an alarm was raised.
    n_false_alarms : int
        Of them, those before the change.
    was_in_alarm : bool
        Whether an alarm went on when the change came.
    delay_days, blind_delay_days : int, optional
        From the change to the first alarm, and to the first blind Monday after it; `None` where there is none.
    n_blind_weeks, n_blind_weeks_clean : int
        Blind Mondays, and those before the change.
    """

    monitor: Monitor
    watched: Watched
    first_day: dt.date | None
    n_weeks: int
    n_weeks_clean: int
    alarms: tuple[dt.date, ...]
    n_false_alarms: int
    was_in_alarm: bool
    delay_days: int | None
    blind_delay_days: int | None
    n_blind_weeks: int
    n_blind_weeks_clean: int


def find_change(plan: StreamPlan) -> dt.date | None:
    """The day from which the park differs from what it was; `None` where it stays as it is."""
    if plan.park is not None and plan.park.outage is not None:
        return plan.park.outage.start
    return None if plan.scenario in (Scenario.NONE, Scenario.BROKEN) else change_date(plan.span)


def measure_monitor(
    monitor: Monitor, watched: Watched, watches: Sequence[Watch], change: dt.date | None, rule: MonitorRule
) -> MonitorMeasures:
    """Alarms of one chart: raised where it passes its limit while reports can be trusted, over when it is at zero."""
    alarms: list[dt.date] = []
    in_alarm, was_in_alarm, reign = False, False, 0
    for watch in watches:
        value, limit = _read_chart(monitor, watch, rule)
        in_alarm = in_alarm and watch.reign == reign
        reign = watch.reign
        raised = value > limit and watch.state is not QualityState.BLIND
        if raised and not in_alarm:
            alarms.append(watch.day)
        in_alarm = raised or (in_alarm and value > 0)
        if change is not None and watch.day < change:
            was_in_alarm = in_alarm
    clean = [watch for watch in watches if change is None or watch.day < change]
    blind = [watch.day for watch in watches if watch.state is QualityState.BLIND]
    return MonitorMeasures(
        monitor=monitor,
        watched=watched,
        first_day=watches[0].day if watches else None,
        n_weeks=len(watches),
        n_weeks_clean=len(clean),
        alarms=tuple(alarms),
        n_false_alarms=sum(change is None or day < change for day in alarms),
        was_in_alarm=was_in_alarm,
        delay_days=_delay(alarms, change),
        blind_delay_days=_delay(blind, change),
        n_blind_weeks=len(blind),
        n_blind_weeks_clean=sum(watch.state is QualityState.BLIND for watch in clean),
    )


def _read_chart(monitor: Monitor, watch: Watch, rule: MonitorRule) -> tuple[float, float]:
    if monitor is Monitor.CUSUM:
        return watch.cusum, rule.cusum_limit
    return watch.log_detector, rule.detector_limit


def _delay(days: Sequence[dt.date], change: dt.date | None) -> int | None:
    later = [day for day in days if change is not None and day >= change]
    return (later[0] - change).days if later and change is not None else None
