"""Days whose fire reports are doubted, as known at an instant: nothing is judged by them."""

import datetime as dt

import pyarrow as pa

from forest_fire_retrain.core.decision.case_building import find_suspect_windows
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.ledger.decision_payload import read_flagged
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.models.model_rows import label_array
from forest_fire_retrain.core.rows.labelled_rows import labelled_rows
from forest_fire_retrain.core.rows.ports import Lake, SqlEngine
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval


def find_doubted(
    lake: Lake, engine: SqlEngine, rule: DecisionRule, state: LedgerState, *, fires: pa.Table, known_at: dt.datetime
) -> list[Interval]:
    """Windows that the label gate flagged, that nobody vouched for, and that late reports have not cleared.

    Parameters
    ----------
    lake, engine : Lake, SqlEngine
        Where the features are, and who joins them with the fires.
    rule : DecisionRule
        Thresholds of the label gate.
    state : LedgerState
        The decisions that flagged windows.
    fires : pyarrow.Table
        All reports.
    known_at : datetime.datetime
        Reports recorded before it are used.
    """
    flagged = read_flagged(state.decisions.values(), state.cleared)

    def count_now(window: Interval) -> int:
        features = lake.read(TableName.FEATURES, columns=("cell_id", "date"), day_column="date", window=window)
        return int(label_array(labelled_rows(engine, features=features, fires=fires, known_at=known_at)).sum())

    return [count.window for count in find_suspect_windows(flagged, count_now, rule)]
