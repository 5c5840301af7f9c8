"""Hold what shadows said against what the champion said of the same days, as the fire reports are known now.

Rules
-----
- What counts was said live, on the day itself, in the champion's present reign, of every cell by both on the very same
  features; of several issues of a day the newest.
- A mixture is compared like a shadow.
- A day counts once its reports are due, unless they are doubted.
- Nothing is carried from one comparison to the next.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.label_gate import overlaps_any
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.ledger.state import LedgerState, find_candidate, previous_reign
from forest_fire_retrain.core.losses import log_losses
from forest_fire_retrain.core.models.model_rows import label_array
from forest_fire_retrain.core.monitoring.shadow_comparison import PairedDay, ShadowComparison, describe_pairs
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.serving.issues import ISSUE_COLUMNS, Issue, list_issues, newest_issues
from forest_fire_retrain.core.serving.prediction_log import PredictionKind, Role
from forest_fire_retrain.core.serving.shadows import ShadowRules, list_shadows
from forest_fire_retrain.core.windows import Interval, day_of
from forest_fire_retrain.pipeline.monitoring.doubted_days import find_doubted
from forest_fire_retrain.pipeline.serving.reading_predictions import read_log

DAY = dt.timedelta(days=1)
CHUNK_DAYS = 28
"""Days of the log that are held at once."""
PAIR_KEYS = ["date", "cell_id", "feature_hash"]
COLUMNS = (*ISSUE_COLUMNS, "cell_id", "feature_hash", "probability")


class ComparingDesk(NamedTuple):
    """Everything that comparing needs.

    Attributes
    ----------
    lake, engine : Lake, SqlEngine
        Where the log and the reports are.
    label_delay_days : int
        Days after which a day's reports are due.
    decision_rule : DecisionRule
        Thresholds of the label gate.
    shadows : ShadowRules
        Who is a shadow; its time zone says whose days they are.
    """

    lake: Lake
    engine: SqlEngine
    label_delay_days: int
    decision_rule: DecisionRule
    shadows: ShadowRules


def compare_shadows(desk: ComparingDesk, state: LedgerState, known_at: dt.datetime) -> list[ShadowComparison]:
    """Every shadow of the champion's present reign, those first that hold now; empty without a champion.

    Parameters
    ----------
    desk : ComparingDesk
        Stores and rules.
    state : LedgerState
        The state whose champion is compared.
    known_at : datetime.datetime
        Reports recorded before it are used.

    Raises
    ------
    LakeError
        If the log or the reports cannot be read.
    """
    reign = state.reigns[-1] if state.reigns else None
    held = None if reign is None else state.candidates.get(reign.version)
    if reign is None or held is None:
        return []
    zone = desk.shadows.time_zone
    today, first = (day_of(instant, zone) for instant in (known_at, reign.since))
    holding = list_shadows(state, today, desk.shadows)
    pairs: dict[str, list[PairedDay]] = {shadow.candidate.candidate_id: [] for shadow in holding}
    fires = None
    for window in in_chunks(first, today + DAY):
        said = _read_said(desk.lake, window, reign.version)
        said.shadows.pop(held.candidate_id, None)
        if said.shadows:
            fires = desk.lake.read(TableName.FIRES) if fires is None else fires
            served = labelled_rows(desk.engine, features=said.served, fires=fires, known_at=known_at)
            for candidate_id, rows in said.shadows.items():
                pairs.setdefault(candidate_id, []).extend(pair_days(rows, served))
    is_open = _find_open(desk, state, fires, known_at)
    return [_compare(state, candidate_id, found, is_open) for candidate_id, found in pairs.items()]


def weigh_rollback(
    desk: ComparingDesk, state: LedgerState, to_version: int | None, known_at: dt.datetime
) -> str | None:
    """What going back from the champion costs, by what both said since its promotion; `None` where nobody can go back.

    Whatever is in the way of the answer is the answer: a rollback may be urgent, and this is no condition of it.

    Parameters
    ----------
    desk, state, known_at
        As `compare_shadows` takes them.
    to_version : int, optional
        The version to take; by default that of the last reign which was not rolled back from.
    """
    previous = previous_reign(state)
    target = to_version if previous is None or to_version is not None else previous.version
    if target is None or target == state.champion:
        return None
    try:
        found = compare_shadows(desk, state, known_at)
    except Exception as error:  # noqa: BLE001 - nothing that is only said stands in the way of a rollback
        return f"What going back costs cannot be said: {' '.join(str(error).split()).rstrip('.')}."
    return _describe_cost(found, state, target)


def _describe_cost(found: Sequence[ShadowComparison], state: LedgerState, target: int) -> str:
    compared = next((comparison for comparison in found if comparison.version == target), None)
    if compared is None:
        return (
            f"Nothing can be said of what going back costs: version {target} was not scored beside version "
            f"{state.champion} (FOREST_FIRE_WARM_DAYS, forest-fire shadow)."
        )
    if compared.n_days == 0:
        return f"Nothing can be said yet of what going back costs, {compared}."
    return f"Going back costs {compared.describe_difference()} in log loss, {compared}."


class _Said(NamedTuple):
    """What the champion said on the days themselves, and each shadow and the mixture, by candidate."""

    served: pa.Table
    shadows: dict[str, pa.Table]


def in_chunks(first: dt.date, end: dt.date) -> Iterator[Interval]:
    """Spans of days that together are those from `first` to before `end`."""
    while first < end:
        last = min(first + CHUNK_DAYS * DAY, end)
        yield Interval(start=first, end=last)
        first = last


def _read_said(lake: Lake, window: Interval, champion: int) -> _Said:
    """What was said live on the days of `window`: of several issues the newest."""
    log = read_log(lake, window, columns=COLUMNS)
    live = [
        issue for issue in newest_issues(list_issues(log)) if issue.kind is PredictionKind.LIVE and issue.lead_days == 0
    ]
    served = [issue for issue in live if issue.role is Role.CHAMPION and issue.version == champion]
    beside: dict[str, list[Issue]] = {}
    for issue in live:
        if issue.role is not Role.CHAMPION:
            beside.setdefault(issue.candidate_id, []).append(issue)
    return _Said(_rows_of(log, served), {who: _rows_of(log, issues) for who, issues in beside.items()})


def _rows_of(log: pa.Table, issues: list[Issue]) -> pa.Table:
    names = pa.array([issue.name for issue in issues], pa.string())
    return log.filter(pc.is_in(log["issue"], names)).select([*PAIR_KEYS, "probability"])


def _find_open(
    desk: ComparingDesk, state: LedgerState, fires: pa.Table | None, known_at: dt.datetime
) -> Callable[[dt.date], bool]:
    """Tells whether the reports of a day are not due yet, or doubted."""
    due_end = day_of(known_at, desk.shadows.time_zone) - desk.label_delay_days * DAY
    doubted: list[Interval] = []
    if fires is not None:
        doubted = find_doubted(desk.lake, desk.engine, desk.decision_rule, state, fires=fires, known_at=known_at)
    return lambda day: day >= due_end or overlaps_any(Interval(start=day, end=day + DAY), doubted)


def _compare(
    state: LedgerState, candidate_id: str, pairs: list[PairedDay], is_open: Callable[[dt.date], bool]
) -> ShadowComparison:
    candidate = find_candidate(state, candidate_id)
    versions = (version for version, held in state.candidates.items() if held.candidate_id == candidate_id)
    counted = [pair for pair in pairs if not is_open(pair.date)]
    known = {
        "candidate_id": candidate_id,
        "partition_key": "" if candidate is None else candidate.windows.partition_key,
        "version": max(versions, default=None),
        "champion": state.champion,
        "n_days_open": len(pairs) - len(counted),
    }
    return ShadowComparison.model_validate({**known, **describe_pairs(counted)})


def pair_days(rows: pa.Table, served: pa.Table) -> list[PairedDay]:
    """The days of which every cell was scored by both on the same features, in their order.

    Parameters
    ----------
    rows : pyarrow.Table
        What a shadow said: the columns of `PAIR_KEYS`, and `probability`.
    served : pyarrow.Table
        The same of the champion, and `label`.
    """
    ours = rows.rename_columns([*PAIR_KEYS, "shadow"])
    both = served.join(ours, PAIR_KEYS, join_type="inner").sort_by([(name, "ascending") for name in PAIR_KEYS])
    n_served, n_both = _count_days(served), _count_days(both)
    dates = both["date"].to_numpy().astype("datetime64[D]")
    labels, theirs, mine = label_array(both), both["probability"].to_numpy(), both["shadow"].to_numpy()
    losses = log_losses(labels, theirs), log_losses(labels, mine)
    found = []
    for day in sorted(day for day, n_rows in n_both.items() if n_rows == n_served[day]):
        of_day = dates == np.datetime64(day)
        sums = (float(column[of_day].sum()) for column in (theirs, mine, *losses))
        found.append(PairedDay(day, int(of_day.sum()), int(labels[of_day].sum()), *sums))
    return found


def _count_days(rows: pa.Table) -> dict[dt.date, int]:
    return {held["values"].as_py(): held["counts"].as_py() for held in rows["date"].value_counts()}
