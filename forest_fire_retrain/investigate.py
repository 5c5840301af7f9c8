"""Questions about the past, for a notebook and for the command line: who was champion, what was said, and why.

    from forest_fire_retrain import investigate

    investigate.predictions("2026-07-01", "2026-07-31", cell="ANF")
    answer = investigate.explain("ANF", "2026-07-14")
    investigate.table_of(answer)
    investigate.figure_of(answer)

Rules
-----
- Nothing here writes: answers come from the lake, the stored models and the ledger's copy for readers.
- Every question takes an installation; without one it is the installation that the settings describe.
- Answers are frozen records, DataFrames and matplotlib figures.
"""

import datetime as dt
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from forest_fire_retrain.adapters import explanation_pictures
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, Reign, fold
from forest_fire_retrain.core.serving import explanation_page
from forest_fire_retrain.core.serving.decision_explanations import DecisionExplanation
from forest_fire_retrain.core.serving.explanations import Explanation, Line, WhatIf
from forest_fire_retrain.core.windows import Interval, midnight
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.investigating import explaining, explaining_decisions, reading_log, supposing
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.settings import load_settings

Answer = Explanation | WhatIf | DecisionExplanation
Day = dt.date | str
"""A day, or its text YYYY-MM-DD."""

ONE_DAY, HALF_A_DAY = dt.timedelta(days=1), dt.timedelta(hours=12)


def champion_at(at: dt.datetime | Day | None = None, *, installation: Installation | None = None) -> Reign | None:
    """The reign that held at an instant by the wall clock, at noon of a day, or holds now; `None` without a champion.

    Raises
    ------
    RefusedRequestError
        If `at` is no day and no instant.
    """
    chosen = installation or _build()
    state = _state_of(chosen)
    if at is None:
        return state.reigns[-1] if state.reigns else None
    instant = at if isinstance(at, dt.datetime) else midnight(_day(at), chosen.settings.time_zone) + HALF_A_DAY
    return state.champion_on(instant)


def history(*, installation: Installation | None = None) -> pd.DataFrame:
    """The reigns, oldest first: version, since and until by the wall clock, the period, and why."""
    chosen = installation or _build()
    entries = _entries_of(chosen)
    intents = {entry.decision_id: entry for entry in reversed(entries)}
    rows = [
        {
            **reign._asdict(),
            "partition_key": intents[reign.decision_id].partition_key,
            "why": intents[reign.decision_id].summary,
        }
        for reign in fold(entries).reigns
    ]
    return pd.DataFrame(rows, columns=[*Reign._fields, "partition_key", "why"])


def predictions(
    first: Day | None = None,
    last: Day | None = None,
    *,
    cell: str | None = None,
    installation: Installation | None = None,
) -> pd.DataFrame:
    """The prediction log, every issue of every day from `first` to `last` (included), with the feature values.

    Raises
    ------
    RefusedRequestError
        If nothing was ever predicted, a day is none, or the cell is unknown.
    """
    lake = (installation or _build()).lake
    span = (None if first is None else _day(first)), (None if last is None else _day(last))
    rows: pd.DataFrame = reading_log.read_predictions(lake, _span(*span)).to_pandas()
    if cell is None:
        return rows
    reading_log.name_cell(lake, cell)
    return rows[rows["cell_id"] == cell].reset_index(drop=True)


def explain(cell: str, date: Day, *, issue: str | None = None, installation: Installation | None = None) -> Explanation:
    """Why a logged prediction is what it is; see `explaining.explain_prediction`.

    Raises
    ------
    RefusedRequestError
        If the log has no such prediction.
    NotReproducedError
        If it cannot be said again to the bit: nothing is explained then.
    """
    return explaining.explain_prediction(_archive(installation or _build()), cell, _day(date), issue)


def what_if(
    cell: str,
    date: Day,
    changes: Mapping[str, float | None],
    *,
    issue: str | None = None,
    installation: Installation | None = None,
) -> WhatIf:
    """What the model would have said of other features, `None` for a missing value; never logged.

    Raises
    ------
    RefusedRequestError
        If the log has no such prediction, or the model no such feature.
    NotReproducedError
        If the logged prediction cannot be said again.
    """
    return supposing.suppose(_archive(installation or _build()), cell, _day(date), changes, issue)


def explain_decision(partition: Day, *, installation: Installation | None = None) -> DecisionExplanation:
    """Where candidate and champion of a decision disagree; see `explaining_decisions.explain_decision`.

    Raises
    ------
    RefusedRequestError
        If the partition was not decided live, or there was no champion.
    NotReproducedError
        If rows or scores are not those of the decision any more.
    """
    key = _day(partition).isoformat()
    return explaining_decisions.explain_decision(_archive(installation or _build()), key)


def table_of(answer: Answer) -> pd.DataFrame:
    """The parts of an answer, one row each, the general level first."""
    if isinstance(answer, DecisionExplanation):
        level = answer.general_level
        first = {"what": level.sentence, "features": (), "mean_absolute": abs(level.log_odds), "mean": level.log_odds}
        return pd.DataFrame(
            [first, *({"what": part.name, **part.model_dump(exclude={"name"})} for part in answer.features)]
        )
    breakdown = answer.breakdown if isinstance(answer, Explanation) else answer.difference
    return pd.DataFrame([_row_of(line) for line in (breakdown.general_level, *breakdown.lines)])


def figure_of(answer: Answer) -> Figure:
    """The answer as bars: to the right what raises the chance, to the left what lowers it."""
    if isinstance(answer, Explanation):
        return explanation_pictures.draw_explanation(answer)
    if isinstance(answer, WhatIf):
        return explanation_pictures.draw_what_if(answer)
    return explanation_pictures.draw_decision(answer)


def page_of(answer: Answer) -> str:
    """The answer as one page of HTML that needs nothing else."""
    picture = explanation_pictures.as_data_address(figure_of(answer))
    if isinstance(answer, Explanation):
        return explanation_page.render_explanation(answer, picture)
    if isinstance(answer, WhatIf):
        return explanation_page.render_what_if(answer, picture)
    return explanation_page.render_decision(answer, picture)


def _build() -> Installation:
    return build_installation(load_settings())


def _archive(installation: Installation) -> Archive:
    return Archive(
        installation.lake, installation.engine, installation.models, installation.trees, _entries_of(installation)
    )


def _entries_of(installation: Installation) -> list[LedgerEntry]:
    """The model's rows of the copy for readers, which no writer locks."""
    settings = installation.settings
    return [entry for entry in read_export(settings.export_folder) if entry.model_name == settings.model_name]


def _state_of(installation: Installation) -> LedgerState:
    return fold(_entries_of(installation))


def _day(day: Day) -> dt.date:
    if isinstance(day, dt.datetime):
        return day.date()
    if isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(day)
    except ValueError as error:
        msg = f"{day!r} is not a day; write it as YYYY-MM-DD"
        raise RefusedRequestError(msg) from error


def _span(first: dt.date | None, last: dt.date | None) -> Interval:
    start, end = first or dt.date.min, last or dt.date.max - ONE_DAY
    if end < start:
        msg = f"the last day, {end}, lies before the first, {start}"
        raise RefusedRequestError(msg)
    return Interval(start=start, end=end + ONE_DAY)


def _row_of(line: Line) -> dict[str, object]:
    return {"what": line.sentence, **line.model_dump(exclude={"sentence"})}
