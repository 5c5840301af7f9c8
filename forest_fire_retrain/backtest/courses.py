"""One history as it goes under one policy: what is promoted, what is looked at, and what an alarm asks for.

Rules
-----
- `passive` decides each period as it ends, and nothing else.
- `retrain`: an alarm asks for a candidate off schedule. Its interval reaches from the start of the open period to the
  Monday of the look, at least a week; windows follow from it as from a period. It is judged by the rule like every
  candidate. An alarm, known by version and start of the change, asks once, and no sooner than 28 days after the last
  one that asked. The period's own candidate follows as ever. Weeks leave no room for it.
- `restart`: in alarm, windows that begin before the start of the change are no evidence any more.
- A look on a Monday knows what a decision of that day knows, and comes after it.
"""

import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from forest_fire_retrain.backtest.candidates import TrainedCandidate
from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.backtest.product_rule import ProductRule
from forest_fire_retrain.backtest.streams import StreamPlan
from forest_fire_retrain.backtest.watcher import Flagged, Served, Watch, Watcher
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.periods import COOLDOWN_DAYS, MIN_ACTIVE_DAYS, active_days, active_key, read_key
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval, RetrainingWindows, plan_windows


class Policy(StrEnum):
    """What an alarm leads to."""

    PASSIVE = "passive"
    RETRAIN = "retrain"
    RESTART = "restart"


class AlarmEnd(StrEnum):
    """What ended an alarm."""

    CHART = "the chart was back at zero"
    CHAMPION = "another champion"


class AlarmCourse(Record):
    """An alarm and what became of it.

    Attributes
    ----------
    raised : datetime.date
        The Monday on which it was first said.
    change : datetime.date
        First day of the week from which on the chart was above zero.
    champion_as_of : datetime.date
        When the champion was decided that it is about.
    asked : datetime.date, optional
        When a candidate was asked for off schedule.
    answer : str, optional
        Outcome and reason of that candidate's decision.
    ended : datetime.date, optional
        The Monday on which it was first not said any more; `None` where the history ends with it.
    ended_by : AlarmEnd, optional
        What ended it.
    """

    raised: dt.date
    change: dt.date
    champion_as_of: dt.date
    asked: dt.date | None = None
    answer: str | None = None
    ended: dt.date | None = None
    ended_by: AlarmEnd | None = None


class AlarmKey(NamedTuple):
    """An alarm: place of the reign, and start of the change."""

    reign: int
    change: dt.date


class Course:
    """A history under one policy.

    Parameters
    ----------
    policy : Policy
        What an alarm leads to.
    panel : Panel
        The history.
    plan : StreamPlan
        Cadence, windows and the rule.
    monitoring : MonitorRule
        Thresholds of the looks.
    train : callable
        Trains the candidate of windows off schedule.
    """

    def __init__(
        self,
        policy: Policy,
        panel: Panel,
        plan: StreamPlan,
        monitoring: MonitorRule,
        train: Callable[[RetrainingWindows], TrainedCandidate],
    ) -> None:
        self.policy = policy
        self.product = ProductRule(panel, plan.rule)
        self.reigns: list[Served] = []
        self.flagged: list[Flagged] = []
        self.watches: list[Watch] = []
        self._plan, self._train = plan, train
        self._watcher = Watcher(panel, self.flagged, plan, monitoring)
        self._alarms: dict[AlarmKey, AlarmCourse] = {}
        self._going_on: AlarmKey | None = None
        self._last_asked: dt.date | None = None

    @property
    def alarms(self) -> tuple[AlarmCourse, ...]:
        """Every alarm, oldest first."""
        return tuple(self._alarms.values())

    def decide(self, candidate: TrainedCandidate) -> None:
        """Judge a candidate on the day on which its interval ends."""
        day = candidate.windows.as_of
        place = len(self.product.decisions)
        evidence = self.product.decide(place, candidate, self._find_restart(day))
        if evidence.labels_are_suspect:
            self.flagged.append(Flagged(day, evidence))
        if self.product.decisions[-1].outcome is Outcome.PROMOTED:
            self.reigns.append(Served(day, candidate))

    def look(self, day: dt.date) -> None:
        """Look at the champion on a Monday, and ask for a candidate where the policy says so."""
        if not self.reigns or day <= self.reigns[0].since:
            return
        watch = self._watcher.look(day, len(self.reigns) - 1, self.reigns[-1])
        self.watches.append(watch)
        self._end_alarm(watch)
        if watch.change is None:
            return
        key = AlarmKey(watch.reign, watch.change)
        self._going_on = key
        self._alarms.setdefault(key, AlarmCourse(raised=day, change=watch.change, champion_as_of=self.reigns[-1].since))
        if self.policy is Policy.RETRAIN and self._alarms[key].asked is None and day < self._plan.span.end:
            self._ask(day, key)

    def find_doubted(self, day: dt.date) -> list[Interval]:
        """Windows whose reports the label gate doubts by what is known before `day`."""
        return self._watcher.find_doubted(day)

    def _ask(self, day: dt.date, key: AlarmKey) -> None:
        windows = plan_off_schedule(day, self._plan)
        rests = self._last_asked is not None and (day - self._last_asked).days < COOLDOWN_DAYS
        if windows is None or rests:
            return
        self._last_asked = day
        self.decide(self._train(windows))
        answer = self.product.reasons[-1]
        self._alarms[key] = self._alarms[key].model_copy(update={"asked": day, "answer": answer})

    def _end_alarm(self, watch: Watch) -> None:
        """Close the alarm that went on; who is blind does not know that it is over."""
        held = self._going_on
        if held is None:
            return
        goes_on = watch.state is QualityState.BLIND or watch.change == held.change
        if watch.reign == held.reign and goes_on:
            return
        by = AlarmEnd.CHAMPION if watch.reign != held.reign else AlarmEnd.CHART
        self._alarms[held] = self._alarms[held].model_copy(update={"ended": watch.day, "ended_by": by})
        self._going_on = None

    def _find_restart(self, day: dt.date) -> dt.date | None:
        if self.policy is not Policy.RESTART or not self.reigns:
            return None
        return self._watcher.look(day, len(self.reigns) - 1, self.reigns[-1]).change


def plan_off_schedule(day: dt.date, plan: StreamPlan) -> RetrainingWindows | None:
    """Windows of the active period whose knowledge ends at `day`; `None` where it would be too short.

    Raises
    ------
    ConfigurationError
        If it leaves too little history to train on.
    """
    if active_days(day, plan.cadence) < MIN_ACTIVE_DAYS:
        return None
    key = active_key(day)
    return plan_windows(read_key(key, plan.cadence).days, plan.history_start, plan.policy, key)
