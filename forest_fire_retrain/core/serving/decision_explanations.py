"""Where candidate and champion of a decision disagree, and which features moved, as a record and in words.

Rules
-----
- A positive figure means that the candidate says more than the champion.
- The general level is a line of its own; the means of the features and its own add up to the mean difference.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.serving.chances import count, show_chance, show_factor, show_log_odds
from forest_fire_retrain.core.serving.contributions import Contributions
from forest_fire_retrain.core.serving.explanations import GENERAL_LEVEL_MOVED, Line, line
from forest_fire_retrain.core.serving.feature_words import name_topics

MAX_NAMED = 10
MAX_SAID = 3


class MovedFeature(Record):
    """What a feature does otherwise in the candidate, over the holdout.

    Attributes
    ----------
    features : tuple of str
        One feature, or those that mean something only together.
    name : str
        What they are, in words.
    mean_absolute : float
        Mean size of the difference of its contributions, log odds.
    mean : float
        Mean difference, log odds: above 0 it raises the candidate's chances.
    """

    features: tuple[str, ...]
    name: str
    mean_absolute: float
    mean: float


class Disagreement(Record):
    """How far the two are apart in a part of the holdout.

    Attributes
    ----------
    name : str
        The cell with its name, the day or the region.
    n_rows, n_fires : int
        Cell-days, and those with a fire start.
    champion, candidate : float
        Mean chance of each.
    mean_absolute, mean : float
        Mean size, and mean, of the difference of their log odds.
    """

    name: str
    n_rows: int
    n_fires: int
    champion: float
    candidate: float
    mean_absolute: float
    mean: float


class DecisionExplanation(Record):
    """A decision taken apart on the rows that it was taken on, after its scores were made again to the bit.

    Attributes
    ----------
    partition_key, outcome, reason_code, sentence : str
        The decision.
    champion_version, candidate_id : int, str
        Who was compared.
    holdout : str
        The window.
    n_explained : int
        Rows whose contributions were looked at: all, or evenly spaced ones of a large holdout.
    whole, with_fire : Disagreement
        All of the holdout, and the cell-days on which a fire started (`None` without any).
    general_level : Line
        How the level of the two differs before anything is known of cell and day.
    features : tuple of MovedFeature
        The largest first.
    cells, days, regions : tuple of Disagreement
        The largest first; at most ten cells and days.
    sentences : tuple of str
        The same in words.
    """

    partition_key: str
    outcome: str
    reason_code: str
    sentence: str
    champion_version: int
    candidate_id: str
    holdout: str
    n_explained: int
    whole: Disagreement
    with_fire: Disagreement | None
    general_level: Line
    features: tuple[MovedFeature, ...]
    cells: tuple[Disagreement, ...]
    days: tuple[Disagreement, ...]
    regions: tuple[Disagreement, ...]
    sentences: tuple[str, ...]


def rank_moved(moved: Contributions) -> tuple[MovedFeature, ...]:
    """The features by how much they moved, the largest first."""
    places = {name: place for place, name in enumerate(moved.feature_names)}
    found = []
    for topic in name_topics(moved.feature_names):
        together = moved.by_feature[:, [places[name] for name in topic.features]].sum(axis=1)
        found.append(
            MovedFeature(
                features=topic.features,
                name=topic.sentence,
                mean_absolute=float(np.abs(together).mean()),
                mean=float(together.mean()),
            )
        )
    return tuple(sorted(found, key=lambda feature: -feature.mean_absolute))


def measure_disagreement(
    name: str, rows: np.ndarray, labels: np.ndarray, champion: np.ndarray, candidate: np.ndarray
) -> Disagreement:
    """How far the two are apart on `rows`, a mask of shape (n_rows,)."""
    apart = (log_odds_of(candidate) - log_odds_of(champion))[rows]
    return Disagreement(
        name=name,
        n_rows=int(rows.sum()),
        n_fires=int(labels[rows].sum()),
        champion=float(champion[rows].mean()),
        candidate=float(candidate[rows].mean()),
        mean_absolute=float(np.abs(apart).mean()),
        mean=float(apart.mean()),
    )


def rank_parts(
    parts: np.ndarray,
    names: Mapping[object, str],
    scores: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    at_most: int = MAX_NAMED,
) -> tuple[Disagreement, ...]:
    """The parts of the holdout in which they disagree most.

    Parameters
    ----------
    parts : numpy.ndarray
        Of each row, the part it belongs to; shape (n_rows,).
    names : mapping
        What a part is called; one that is not in it is called by itself.
    scores : tuple of numpy.ndarray
        Labels, chances of the champion, chances of the candidate; shape (n_rows,) each.
    at_most : int
        How many.
    """
    found = [
        measure_disagreement(names.get(part, str(part)), parts == part, *scores) for part in sorted(set(parts.tolist()))
    ]
    return tuple(sorted(found, key=lambda part: -part.mean_absolute)[:at_most])


def log_odds_of(chances: np.ndarray) -> np.ndarray:
    """Log odds of chances between 0 and 1."""
    return np.asarray(np.log(chances) - np.log1p(-chances))


def describe_general_level(moved: Contributions) -> Line:
    """The difference of the two general levels."""
    return line((), GENERAL_LEVEL_MOVED, moved.general_level)


def describe_disagreement(
    whole: Disagreement, with_fire: Disagreement | None, champion_version: int, general_level: Line
) -> list[str]:
    """In sentences: on the whole, where fires started, and the general level."""
    rows = f"{whole.n_rows} cell-days with {count(whole.n_fires, 'fire start')}"
    first = (
        f"On {rows} the candidate says {show_chance(whole.candidate)} on average, version {champion_version} "
        f"{show_chance(whole.champion)}; their log odds are {whole.mean_absolute:.2f} apart on average."
    )
    said = [first]
    if with_fire is not None:
        said.append(
            f"Where fires started the candidate says {show_chance(with_fire.candidate)} on average, version "
            f"{champion_version} {show_chance(with_fire.champion)}."
        )
    level = general_level.log_odds
    said.append(f"Their general levels differ by {show_log_odds(level)} ({show_factor(level)}).")
    return said


def describe_moved(features: Sequence[MovedFeature]) -> str:
    """The features that moved most, in one sentence."""
    told = "; ".join(
        f"{feature.name} ({feature.mean_absolute:.2f} on average, {show_log_odds(feature.mean)} on the whole)"
        for feature in features[:MAX_SAID]
    )
    return f"What moved most: {told}."


def describe_parts(cells: Sequence[Disagreement], days: Sequence[Disagreement], regions: Sequence[Disagreement]) -> str:
    """Where they disagree most, in one sentence."""
    firsts = (
        f"{what} {parts[0].name} ({parts[0].mean_absolute:.2f} apart, {show_log_odds(parts[0].mean)} on the whole)"
        for what, parts in (("cell", cells), ("day", days), ("region", regions))
        if parts
    )
    return f"They disagree most: {', '.join(firsts)}."


def name_days(dates: np.ndarray) -> dict[object, str]:
    """Days, as numpy holds them, by their ISO form."""
    return {day: day.isoformat() for day in set(dates.tolist()) if isinstance(day, dt.date)}
