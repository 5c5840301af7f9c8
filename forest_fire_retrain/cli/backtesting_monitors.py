"""`forest-fire backtest --monitors`: what monitoring would have said of a history, and how often it erred."""

from collections.abc import Callable, Sequence

from forest_fire_retrain.backtest.monitor_summary import MonitorRow, summarise_monitors
from forest_fire_retrain.backtest.monitors import Monitor
from forest_fire_retrain.backtest.studies import StudyResult
from forest_fire_retrain.cli.console import print_table
from forest_fire_retrain.core.decision.wording import counted

COLUMNS: dict[str, Callable[[MonitorRow], str | None]] = {
    "scenario": lambda row: row.scenario,
    "champion": lambda row: row.watched,
    "monitor": lambda row: row.monitor,
    "years before the change": lambda row: f"{row.n_years_clean:.0f}",
    "false alarms a year": lambda row: _figure(row.false_alarms_per_year, ".2f"),
    "weeks to one (median)": lambda row: _figure(row.median_run_weeks, ".0f"),
    "alarms a year": lambda row: _figure(row.alarms_per_year, ".2f"),
    "delay in days (never, of)": lambda row: (
        None
        if row.n_undetected is None
        else f"{_figure(row.median_delay_days, '.0f') or '—'} ({row.n_undetected}, {row.n_changed})"
    ),
    "blind weeks": lambda row: _figure(row.blind_share, ".1%"),
    "before the change": lambda row: _figure(row.blind_share_clean, ".1%"),
    "blind after days (never)": lambda row: (
        None if row.n_never_blind is None else f"{_figure(row.median_blind_days, '.0f') or '—'} ({row.n_never_blind})"
    ),
}


def print_monitors(results: Sequence[StudyResult], chosen: Sequence[Monitor]) -> None:
    """The table of monitors, one row per scenario, monitored champions and monitor."""
    rows = summarise_monitors(results, chosen)
    cells = {title: [read(row) for row in rows] for title, read in COLUMNS.items()}
    shown = {title: column for title, column in cells.items() if any(cell is not None for cell in column)}
    title = f"Monitors, parks of {rows[0].n_cells} cells, {counted(rows[0].n_streams, 'stream')} a scenario"
    print_table(title, list(shown), list(zip(*shown.values(), strict=True)))


def _figure(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)
