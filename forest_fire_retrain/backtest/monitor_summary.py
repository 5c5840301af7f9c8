"""Monitored streams of one scenario put together, monitor by monitor: the rows of the table."""

import datetime as dt
from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median

from forest_fire_retrain.backtest.monitors import Monitor, MonitorMeasures, Watched
from forest_fire_retrain.backtest.scenarios import Scenario
from forest_fire_retrain.backtest.studies import StudyResult
from forest_fire_retrain.core.records import Record

WEEKS_PER_YEAR = 365.25 / 7


class MonitorRow(Record):
    """A monitor over the streams of a scenario; definitions are those of `monitors`.

    Attributes
    ----------
    scenario, watched, monitor : Scenario, Watched, Monitor
        Of what.
    n_streams, n_cells : int
        Histories put together, and cells of their park.
    n_years_clean, n_years : float
        Years before the change, all without one; and all years.
    false_alarms_per_year, alarms_per_year : float, optional
        Alarms before the change, and all alarms.
    median_run_weeks : float, optional
        Weeks from the beginning, or from the last alarm, to a false alarm; runs that ended without one are left out.
    n_changed : int
        Streams that were in no alarm when the change came.
    median_delay_days, n_undetected : float, int, optional
        Of these, days to the alarm, and those that had none.
    blind_share, blind_share_clean : float, optional
        Share of blind weeks, of all and of those before the change.
    median_blind_days, n_never_blind : float, int, optional
        Days from the change to the first blind Monday, and streams without one.
    """

    scenario: Scenario
    watched: Watched
    monitor: Monitor
    n_streams: int
    n_cells: int
    n_years_clean: float
    n_years: float
    false_alarms_per_year: float | None
    alarms_per_year: float | None
    median_run_weeks: float | None
    n_changed: int
    median_delay_days: float | None
    n_undetected: int | None
    blind_share: float | None
    blind_share_clean: float | None
    median_blind_days: float | None
    n_never_blind: int | None


def summarise_monitors(results: Sequence[StudyResult], monitors: Sequence[Monitor]) -> list[MonitorRow]:
    """One row per scenario, monitored champions and monitor, in the order in which they first appear."""
    rows = []
    for scenario, grouped in groupby(results, key=lambda result: result.scenario):
        streams = list(grouped)
        columns = zip(*(stream.monitors for stream in streams), strict=True)
        rows += [
            _summarise(scenario, streams[0].n_cells, column) for column in columns if column[0].monitor in monitors
        ]
    return rows


def _summarise(scenario: Scenario, n_cells: int, column: Sequence[MonitorMeasures]) -> MonitorRow:
    n_clean, n_weeks = (sum(getattr(m, name) for m in column) for name in ("n_weeks_clean", "n_weeks"))
    changes = scenario not in (Scenario.NONE, Scenario.BROKEN)
    calm = [measures for measures in column if changes and not measures.was_in_alarm]
    delays = [measures.delay_days for measures in calm if measures.delay_days is not None]
    blind = [measures.blind_delay_days for measures in column if measures.blind_delay_days is not None]
    runs = [weeks for measures in column for weeks in _runs(measures)]
    return MonitorRow(
        scenario=scenario,
        watched=column[0].watched,
        monitor=column[0].monitor,
        n_streams=len(column),
        n_cells=n_cells,
        n_years_clean=n_clean / WEEKS_PER_YEAR,
        n_years=n_weeks / WEEKS_PER_YEAR,
        false_alarms_per_year=_per_year(sum(measures.n_false_alarms for measures in column), n_clean),
        alarms_per_year=_per_year(sum(len(measures.alarms) for measures in column), n_weeks),
        median_run_weeks=median(runs) if runs else None,
        n_changed=len(calm),
        median_delay_days=median(delays) if delays else None,
        n_undetected=len(calm) - len(delays) if changes else None,
        blind_share=sum(measures.n_blind_weeks for measures in column) / n_weeks if n_weeks else None,
        blind_share_clean=sum(measures.n_blind_weeks_clean for measures in column) / n_clean if n_clean else None,
        median_blind_days=median(blind) if blind else None,
        n_never_blind=len(column) - len(blind) if changes else None,
    )


def _runs(measures: MonitorMeasures) -> list[float]:
    """Weeks between the false alarms of a history."""
    if measures.first_day is None:
        return []
    days: list[dt.date] = [measures.first_day, *measures.alarms[: measures.n_false_alarms]]
    return [(after - before).days / 7 for before, after in pairwise(days)]


def _per_year(number: int, n_weeks: int) -> float | None:
    return number / n_weeks * WEEKS_PER_YEAR if n_weeks else None
