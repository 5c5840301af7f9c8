"""Score whoever stands beside the champion: what fails is a warning, because nobody is served by it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa

from forest_fire_retrain.core.serving.prediction_log import UNREGISTERED
from forest_fire_retrain.core.serving.scored_days import ServingModel
from forest_fire_retrain.core.serving.shadows import Shadow


class ScoredShadows(NamedTuple):
    """What was said beside the champion.

    Attributes
    ----------
    by_candidate : dict
        Shadow to its rows of the log.
    warnings : tuple of str
        A sentence about each shadow that could not be scored.
    """

    by_candidate: dict[str, pa.Table]
    warnings: tuple[str, ...]


def score_shadows(
    shadows: Sequence[Shadow], score: Callable[[ServingModel], pa.Table], serving: ServingModel
) -> ScoredShadows:
    """What each shadow says.

    Parameters
    ----------
    shadows : sequence of Shadow
        Who is asked.
    score : callable
        Gives the rows of the log for a model.
    serving : ServingModel
        The champion, which is scored once and under its own role.
    """
    rows, warnings = dict[str, pa.Table](), list[str]()
    for shadow in shadows:
        if shadow.candidate.candidate_id == serving.candidate.candidate_id:
            continue
        try:
            scored = score(ServingModel(serving.model_name, shadow.version or UNREGISTERED, shadow.candidate))
            rows[shadow.candidate.candidate_id] = scored
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a shadow, the champion's answer goes out
            warnings.append(_describe_failure(shadow, error))
    return ScoredShadows(rows, tuple(warnings))


def _describe_failure(shadow: Shadow, error: Exception) -> str:
    why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"{shadow.name} was not scored beside the champion, whose prediction stands: {why}. See: forest-fire shadow"
