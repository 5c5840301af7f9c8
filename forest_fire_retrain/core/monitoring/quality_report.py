"""Everything that monitoring says of one champion on one day, as a record: states, weeks, classes, regions, leads.

Rules
-----
- It holds what is known at `known_at` and nothing from an earlier report: two reports of the same day that know the
  same are equal, to the byte.
- The alarm goes by the model on the features as they became final. What was served beside it is compared row by row:
  the difference is the feed's or the forecast's, not the model's.
"""

import datetime as dt
import math
from collections.abc import Sequence

from forest_fire_retrain.core.monitoring.charts import ChartedWeek
from forest_fire_retrain.core.monitoring.last_look import QualityState
from forest_fire_retrain.core.monitoring.monitor_rule import MonitorRule
from forest_fire_retrain.core.monitoring.population_shift import PopulationShift
from forest_fire_retrain.core.monitoring.shadow_comparison import ShadowComparison
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import Interval


class Tally(Record):
    """Cell-days under one heading, and what became of them.

    Attributes
    ----------
    name : str
        The heading.
    n_rows, n_fires : int
        Cell-days, and those of them with a reported fire start.
    expected_fires : float
        Sum of the chances.
    log_loss, climatology_log_loss : float
        Means per cell-day.
    """

    name: str
    n_rows: int
    n_fires: int
    expected_fires: float
    log_loss: float
    climatology_log_loss: float

    @property
    def skill(self) -> float:
        """One minus the loss over climatology's; NaN without rows."""
        return 1 - self.log_loss / self.climatology_log_loss if self.climatology_log_loss > 0 else math.nan


class WeekRow(Record):
    """A week of the chart.

    Attributes
    ----------
    week : Interval
        Its days.
    n_fires : int
        Reported.
    expected_fires, log_loss, expected_log_loss, climatology_log_loss : float
        Sums over the week's cell-days; the expected loss is what the model itself expects.
    z, cusum, log_detector : float
        As `charts` has them; no detector before the first week that counts.
    doubted, in_alarm : bool
        Whether its reports are doubted, and whether the chart was in alarm after it.
    """

    week: Interval
    n_fires: int
    expected_fires: float
    log_loss: float
    expected_log_loss: float
    climatology_log_loss: float
    z: float
    cusum: float
    log_detector: float | None
    doubted: bool
    in_alarm: bool


class QualityReport(Record):
    """What monitoring says.

    Attributes
    ----------
    model_name, version : str, int
        The champion.
    since, due_end : datetime.date
        First day that it could serve; day before which its weeks are complete and their reports due.
    known_at : datetime.datetime
        Reports recorded before it are used.
    state, sentence : QualityState, str
        The word, and why.
    change : datetime.date, optional
        In alarm, the first day of the week from which on the chart was above zero; it names the alarm.
    weeks : tuple of WeekRow
        Oldest first.
    overall : Tally, optional
        All weeks that count; `None` without any.
    by_class, by_region : tuple of Tally
        The same by class of risk and by region of the park.
    served, served_rescored : Tally, optional
        What was said live on the very day, and the same cell-days with the features as they became final.
    by_lead : tuple of Tally
        What was said live, by the days from saying to the day.
    last_recorded : datetime.date, optional
        When the newest fire report was recorded.
    rule : MonitorRule
        Thresholds.
    shift : PopulationShift, optional
        What the champion sees and says against its training; `None` where there is no day after it.
    shadows : tuple of ShadowComparison
        What was scored beside the champion; none in reports that are older than the field.
    """

    model_name: str
    version: int
    since: dt.date
    due_end: dt.date
    known_at: dt.datetime
    state: QualityState
    sentence: str
    change: dt.date | None
    weeks: tuple[WeekRow, ...]
    overall: Tally | None
    by_class: tuple[Tally, ...]
    by_region: tuple[Tally, ...]
    served: Tally | None
    served_rescored: Tally | None
    by_lead: tuple[Tally, ...]
    last_recorded: dt.date | None
    rule: MonitorRule
    shift: PopulationShift | None = None
    shadows: tuple[ShadowComparison, ...] = ()

    @property
    def loss_of_the_feed(self) -> float | None:
        """Share of the loss that was added by what was not known yet on the day; `None` where nothing was served."""
        if self.served is None or self.served_rescored is None or not self.served_rescored.log_loss > 0:
            return None
        return self.served.log_loss / self.served_rescored.log_loss - 1


def week_rows(charted: Sequence[ChartedWeek]) -> tuple[WeekRow, ...]:
    """The weeks as a report has them."""
    return tuple(
        WeekRow(
            week=week.quality.week,
            n_fires=week.quality.n_fires,
            expected_fires=week.quality.expected_fires,
            log_loss=week.quality.loss,
            expected_log_loss=week.quality.expected_loss,
            climatology_log_loss=week.quality.climatology_loss,
            z=week.quality.z,
            cusum=week.cusum,
            log_detector=week.log_detector if math.isfinite(week.log_detector) else None,
            doubted=week.quality.doubted,
            in_alarm=week.in_alarm,
        )
        for week in charted
    )
