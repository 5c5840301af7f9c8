"""Answers about predictions, as records: what was said, of what it is made up, what another model says of it.

Rules
-----
- All parts are log odds; the general level is a line of its own and is never spread over the features.
- A line holds the sentence that people read and the features that it is about, so that nothing is said that cannot be
  looked up.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence

from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.serving.contributions import Contributions
from forest_fire_retrain.core.serving.feature_words import FEATURES, Topic, topics_of


class LoggedPrediction(Record):
    """A row of the prediction log without its feature values.

    Attributes
    ----------
    issue, date, cell_id, role, kind, lead_days
        Which prediction it is; see the schema of the log.
    probability, expected_fires, rank, risk_class, has_weather
        What was said.
    n_cells : int
        Cells of its issue, among which `rank` is a place.
    model_name, model_version, model_id, candidate_id, artifact_sha256
        Who said it.
    feature_version, feature_hash
        Of the values that it was said on.
    known_at, scored_at : datetime.datetime
        What was recorded by then was used; when it was said.
    """

    issue: str
    date: dt.date
    cell_id: str
    role: str
    kind: str
    lead_days: int
    probability: float
    expected_fires: float
    rank: int
    n_cells: int
    risk_class: str
    has_weather: bool
    model_name: str
    model_version: int
    model_id: str
    candidate_id: str
    artifact_sha256: str
    feature_version: int
    feature_hash: str
    known_at: dt.datetime
    scored_at: dt.datetime


class Line(Record):
    """One line of an explanation.

    Attributes
    ----------
    features : tuple of str
        What it is about; empty for the general level.
    sentence : str
        In words.
    log_odds, odds_factor : float
        What it adds to the log odds, and by what it multiplies the odds.
    """

    features: tuple[str, ...]
    sentence: str
    log_odds: float
    odds_factor: float


class FeatureShare(Record):
    """One feature of an explained row.

    Attributes
    ----------
    name, unit, description : str
        As in the feature catalogue.
    value : float, optional
        Its value; `None` where it was missing.
    log_odds : float
        What it adds.
    """

    name: str
    unit: str
    description: str
    value: float | None
    log_odds: float


class Breakdown(Record):
    """Log odds of one row, or the difference of two, taken apart.

    Attributes
    ----------
    general_level : Line
        What holds before anything is known of cell and day.
    lines : tuple of Line
        What the features add, the largest first.
    log_odds : float
        All of it together.
    deviation : float
        By how much the parts miss it; at most 1e-9.
    """

    general_level: Line
    lines: tuple[Line, ...]
    log_odds: float
    deviation: float


class ChampionThen(Record):
    """Who made a prediction, as the ledger knows it.

    Attributes
    ----------
    version : int
        Its version.
    partition_key, why : str, optional
        The period whose decision made it champion, and the decision's sentence.
    since, until : datetime.datetime, optional
        Its reign at the time of the prediction, by the wall clock; `None` where it has not ended, or was none.
    trained_from, trained_until : datetime.date
        First day of its training window, and the first day that it had not seen.
    """

    version: int
    partition_key: str | None
    why: str | None
    since: dt.datetime | None
    until: dt.datetime | None
    trained_from: dt.date
    trained_until: dt.date


class UsualChance(Record):
    """What the same model says of the cell at this time of the year.

    Attributes
    ----------
    n_days : int
        Days it was asked for, of the years up to the day.
    first_day, last_day : datetime.date
        The first and the last of them.
    median, highest_tenth : float
        Chance that half of the days exceed, and that a tenth of them exceeds.
    share_below : float
        Share of the days with a smaller chance than the one predicted.
    """

    n_days: int
    first_day: dt.date
    last_day: dt.date
    median: float
    highest_tenth: float
    share_below: float


class LoggedDay(Record):
    """What the log says of a day of the same cell: its newest issue.

    Attributes
    ----------
    date : datetime.date
        The day.
    probability, risk_class
        What was predicted.
    n_fires : int
        Fires that started, as known now.
    """

    date: dt.date
    probability: float
    risk_class: str
    n_fires: int


class CellHistory(Record):
    """What became of the cell, and what is usual there.

    Attributes
    ----------
    n_fires_on_day : int
        Fires that started in the cell on the day, as known now.
    n_fires_before : int
        Those of the cell before the day, as known now.
    last_fires : tuple of datetime.date
        Days of the last of them, the latest first.
    days_before : tuple of LoggedDay
        What the log says of the days before, the latest first.
    usual : UsualChance, optional
        `None` where the lake holds no features of such days.
    """

    n_fires_on_day: int
    n_fires_before: int
    last_fires: tuple[dt.date, ...]
    days_before: tuple[LoggedDay, ...]
    usual: UsualChance | None


class SecondOpinion(Record):
    """What the champion of today says of the same features.

    Attributes
    ----------
    version : int
        Its version.
    probability : float, optional
        Its chance; `None` where it cannot be had.
    difference : Breakdown, optional
        Its log odds less those of then; `None` where it is the same version, or cannot be had.
    fault : str, optional
        Why it cannot be had.
    was_trained_on_day : bool
        Whether the day lies in its training window: it may have learned from what happened.
    """

    version: int
    probability: float | None = None
    difference: Breakdown | None = None
    fault: str | None = None
    was_trained_on_day: bool = False


class Explanation(Record):
    """A logged prediction, said again to the bit and taken apart.

    Attributes
    ----------
    prediction : LoggedPrediction
        What was said.
    cell_name : str
        What people call the cell.
    champion_then : ChampionThen
        Who said it.
    breakdown : Breakdown
        Of what it is made up.
    features : tuple of FeatureShare
        Every feature that the model looks at.
    history : CellHistory
        The cell's own.
    champion_now : SecondOpinion, optional
        `None` where there is no champion.
    other_issues : tuple of str
        Further issues of the day, the newest first.
    notes : tuple of str
        What whoever reads this should know.
    """

    prediction: LoggedPrediction
    cell_name: str
    champion_then: ChampionThen
    breakdown: Breakdown
    features: tuple[FeatureShare, ...]
    history: CellHistory
    champion_now: SecondOpinion | None
    other_issues: tuple[str, ...]
    notes: tuple[str, ...]


class Change(Record):
    """A feature that was changed by hand.

    Attributes
    ----------
    name : str
        The feature.
    before, after : float, optional
        Its logged value and the supposed one; `None` is missing.
    sentence_before, sentence_after : str
        Both in words.
    """

    name: str
    before: float | None
    after: float | None
    sentence_before: str
    sentence_after: str


class WhatIf(Record):
    """What the same model would have said of other features: a supposition, which is never logged.

    Attributes
    ----------
    is_supposed : bool
        Always true: this was never predicted.
    prediction : LoggedPrediction
        What was said.
    cell_name : str
        What people call the cell.
    changes : tuple of Change
        What is supposed.
    probability : float
        What the model says of that.
    difference : Breakdown
        Its log odds less those of the prediction.
    warnings : tuple of str
        What such a supposition leaves out.
    """

    is_supposed: bool = True
    prediction: LoggedPrediction
    cell_name: str
    changes: tuple[Change, ...]
    probability: float
    difference: Breakdown
    warnings: tuple[str, ...]


GENERAL_LEVEL = "The general level of the model, before anything is known of cell and day"
GENERAL_LEVEL_MOVED = "The general level of the two models differs"


def break_down(
    found: Contributions, values: Mapping[str, float | None], day: dt.date, *, general_level: str = GENERAL_LEVEL
) -> Breakdown:
    """The one row of `found` in words, the largest part first, parts of the same size in the order of the features."""
    shares = dict(zip(found.feature_names, (float(share) for share in found.by_feature[0]), strict=True))
    lines = [_line(topic, shares) for topic in topics_of(found.feature_names, values, day)]
    return Breakdown(
        general_level=line((), general_level, found.general_level),
        lines=tuple(sorted(lines, key=lambda line: -abs(line.log_odds))),
        log_odds=float(found.log_odds[0]),
        deviation=found.deviation,
    )


def line(features: Sequence[str], sentence: str, log_odds: float) -> Line:
    """A line and what it does to the odds."""
    return Line(features=tuple(features), sentence=sentence, log_odds=log_odds, odds_factor=math.exp(log_odds))


def shares_of(found: Contributions, values: Mapping[str, float | None]) -> tuple[FeatureShare, ...]:
    """Every feature of the one row of `found`, in the order of the model."""
    return tuple(
        FeatureShare(
            name=name,
            unit=FEATURES[name].unit,
            description=FEATURES[name].description,
            value=values.get(name),
            log_odds=float(share),
        )
        for name, share in zip(found.feature_names, found.by_feature[0], strict=True)
    )


def _line(topic: Topic, shares: Mapping[str, float]) -> Line:
    return line(topic.features, topic.sentence, sum(shares[name] for name in topic.features))
