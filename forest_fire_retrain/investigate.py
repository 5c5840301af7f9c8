"""Questions about the past, for a notebook and for the command line: who was champion, what was said, and why.

    from forest_fire_retrain import investigate

    investigate.predictions("2026-07-01", "2026-07-31", cell="ANF")
    answer = investigate.explain("ANF", "2026-07-14")
    investigate.table_of(answer)
    investigate.figure_of(answer)

Rules
-----
- Answers come from the lake, the stored models and the ledger's copy for readers. Nothing of them is written; the only
  file is the one that `evidence` is asked for.
- Every question takes an installation; without one it is the installation that the settings describe.
- Answers are frozen records, DataFrames and matplotlib figures.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from forest_fire_retrain import production, proofs
from forest_fire_retrain.adapters import explanation_pictures
from forest_fire_retrain.adapters.ledger_export import read_export, refuse_missing_copy
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.periods import ACTIVE_MARK, is_active
from forest_fire_retrain.core.serving import explanation_page
from forest_fire_retrain.core.serving.decision_explanations import DecisionExplanation
from forest_fire_retrain.core.serving.explanations import Explanation, Line, WhatIf
from forest_fire_retrain.core.serving.mixture_explanations import MixtureExplanation
from forest_fire_retrain.core.serving.prediction_log import Role
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.homes import refuse_missing_home
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.investigating import (
    attaching,
    explaining_decisions,
    explaining_mixtures,
    reading_log,
    reproducing,
    supposing,
)
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.finding_decisions import find_decision
from forest_fire_retrain.pipeline.investigating.reproducing import Reproduction
from forest_fire_retrain.settings import load_settings

Answer = Explanation | MixtureExplanation | WhatIf | DecisionExplanation
Day = dt.date | str
"""A day, or its text YYYY-MM-DD."""

ONE_DAY = dt.timedelta(days=1)
REIGN_COLUMNS = ["version", "since", "until", "as_of", "decision_id", "began", "ended"]


def champion_at(
    at: dt.datetime | Day | None = None,
    *,
    as_known_at: dt.datetime | Day | None = None,
    installation: Installation | None = None,
) -> dict[str, object]:
    """Who was in production, by the wall clock: now, at an instant, or at the end of a day.

    Returns
    -------
    dict
        As `production.answer_champion`; `champion` is `None` where no version was in production.

    Raises
    ------
    RefusedRequestError
        If `at` or `as_known_at` is no day and no instant.
    """
    chosen = installation or _build()
    moments = {"at": _moment(at), "as_known_at": _moment(as_known_at)}
    return production.answer_champion(chosen.settings, chosen.clock(), **moments)


def history(*, installation: Installation | None = None) -> pd.DataFrame:
    """The reigns, oldest first: version, since and until by the wall clock, how each began, and why it ended."""
    settings = (installation or _build()).settings
    rows = [
        {
            **{name: getattr(reign, name) for name in ("version", "since", "until", "as_of", "decision_id")},
            "began": production.describe_beginning(reign),
            "ended": production.describe_end(reign),
        }
        for reign in production.read_reigns(settings, settings.model_name)
    ]
    return pd.DataFrame(rows, columns=REIGN_COLUMNS)


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
    of_cell = rows[rows["cell_id"] == cell].reset_index(drop=True)
    reading_log.name_cell(lake, cell, is_logged=len(of_cell) > 0)
    return of_cell


def explain(
    cell: str, date: Day, *, issue: str | None = None, installation: Installation | None = None
) -> Explanation | MixtureExplanation:
    """Why a logged prediction is what it is; see `explaining_mixtures.explain_prediction`.

    Raises
    ------
    RefusedRequestError
        If the log has no such prediction.
    NotReproducedError
        If it cannot be said again to the bit: nothing is explained then.
    """
    return explaining_mixtures.explain_prediction(_archive(installation or _build()), cell, _day(date), issue)


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
    key = _period(partition)
    return explaining_decisions.explain_decision(_archive(installation or _build()), key)


def reproduce(name: str | int, *, installation: Installation | None = None) -> Reproduction:
    """Train the candidate of a period or of a version again, and compare; see `reproducing.reproduce`.

    Raises
    ------
    RefusedRequestError
        If there is no such period or version.
    """
    chosen = installation or _build()
    named = find_decision(_entries_of(chosen), str(name))
    return reproducing.reproduce(chosen.lake, chosen.engine, chosen.models, named=named, environment=chosen.environment)


def evidence(
    partition: Day,
    file: Path,
    *,
    kept: str | None = None,
    is_replaced: bool = False,
    installation: Installation | None = None,
) -> int:
    """Write the evidence pack of a period, with the cards of both models and the decision explained.

    Returns the number of files in it. For the other parameters and what is raised see `proofs.write_evidence`.
    """
    chosen = installation or _build()
    key = _period(partition)
    entries = chosen.ledger.entries(chosen.settings.model_name)  # its copy may be behind what is proved

    def explained() -> str:
        return page_of(explaining_decisions.explain_decision(_archive(chosen, entries), key))

    return proofs.write_evidence(
        chosen.published_ledger,
        chosen.records,
        key,
        file,
        now=chosen.clock(),
        kept=kept,
        attachments=attaching.attachments_for(entries, key, explained),
        is_replaced=is_replaced,
    )


def table_of(answer: Answer) -> pd.DataFrame:
    """The parts of an answer, one row each, the general level first; of a mixture its models."""
    if isinstance(answer, DecisionExplanation):
        level = answer.general_level
        first = {"what": level.sentence, "features": (), "mean_absolute": abs(level.log_odds), "mean": level.log_odds}
        return pd.DataFrame(
            [first, *({"what": part.name, **part.model_dump(exclude={"name"})} for part in answer.features)]
        )
    if isinstance(answer, MixtureExplanation):
        return pd.DataFrame([part.model_dump() for part in answer.parts])
    breakdown = answer.breakdown if isinstance(answer, Explanation) else answer.difference
    return pd.DataFrame([_row_of(line) for line in (breakdown.general_level, *breakdown.lines)])


def figure_of(answer: Answer) -> Figure:
    """The answer as bars: to the right what raises the chance, to the left what lowers it; of a mixture its largest."""
    if isinstance(answer, MixtureExplanation):
        return explanation_pictures.draw_explanation(answer.largest[0])
    if isinstance(answer, Explanation):
        return explanation_pictures.draw_explanation(answer)
    if isinstance(answer, WhatIf):
        return explanation_pictures.draw_what_if(answer)
    return explanation_pictures.draw_decision(answer)


def page_of(answer: Answer) -> str:
    """The answer as one page of HTML that needs nothing else."""
    if isinstance(answer, MixtureExplanation):
        pictures = [explanation_pictures.as_data_address(figure_of(part)) for part in answer.largest]
        return explanation_page.render_mixture(answer, pictures)
    picture = explanation_pictures.as_data_address(figure_of(answer))
    if isinstance(answer, Explanation):
        return explanation_page.render_explanation(answer, picture)
    if isinstance(answer, WhatIf):
        return explanation_page.render_what_if(answer, picture)
    return explanation_page.render_decision(answer, picture)


def _build() -> Installation:
    settings = load_settings()
    refuse_missing_home(settings)
    return build_installation(settings)


def _archive(installation: Installation, entries: Sequence[LedgerEntry] | None = None) -> Archive:
    """What answers are read from; the rows are those of the copy by default."""
    rows = _entries_of(installation) if entries is None else list(entries)
    served_by = Role(installation.settings.routing)
    return Archive(installation.lake, installation.engine, installation.models, installation.trees, rows, served_by)


def _entries_of(installation: Installation) -> list[LedgerEntry]:
    """The model's rows of the copy for readers, which no writer locks."""
    settings = installation.settings
    refuse_missing_copy(settings.ledger_file, settings.export_folder)
    return [entry for entry in read_export(settings.export_folder) if entry.model_name == settings.model_name]


def _moment(at: dt.datetime | Day | None) -> str | None:
    return at if at is None or isinstance(at, str) else at.isoformat()


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


def _period(partition: Day) -> str:
    """The key of the period that a person names."""
    if isinstance(partition, str) and is_active(partition):
        return f"{_day(partition.removesuffix(ACTIVE_MARK)).isoformat()}{ACTIVE_MARK}"
    return _day(partition).isoformat()


def _span(first: dt.date | None, last: dt.date | None) -> Interval:
    start, end = first or dt.date.min, last or dt.date.max - ONE_DAY
    if end < start:
        msg = f"the last day, {end}, lies before the first, {start}"
        raise RefusedRequestError(msg)
    return Interval(start=start, end=end + ONE_DAY)


def _row_of(line: Line) -> dict[str, object]:
    return {"what": line.sentence, **line.model_dump(exclude={"sentence"})}
