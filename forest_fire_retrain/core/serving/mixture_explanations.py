"""A prediction of a mixture, taken apart: what each part said with what share, the largest parts explained.

Rules
-----
- The shares make 1, and what the parts add makes the chance; both sums stand beside the parts.
- A part is explained as the prediction of one model that it is.
"""

from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.serving.chances import count, show_chance
from forest_fire_retrain.core.serving.explanation_words import say_prediction
from forest_fire_retrain.core.serving.explanations import Explanation, LoggedPrediction

PART_COLUMNS = ("part", "share", "chance", "adds")


class MixedPart(Record):
    """What one model said, and what of it is in the answer.

    Attributes
    ----------
    name, candidate_id, version : str, str, int, optional
        Who; the version is `None` of a candidate that was never promoted.
    issue : str
        The issue of the log that says it.
    share : float
        Its share of the answer.
    probability : float
        What it said.
    adds : float
        The product of both.
    """

    name: str
    candidate_id: str
    version: int | None
    issue: str
    share: float
    probability: float
    adds: float


class MixtureExplanation(Record):
    """A prediction of a mixture, made again to the bit from what its parts said.

    Attributes
    ----------
    prediction : LoggedPrediction
        What was said.
    cell_name : str
        What people call the cell.
    weights_row, weights : int, str
        The ledger's row of weights, and its sentence.
    parts : tuple of MixedPart
        The largest share first.
    sum_of_shares, sum_of_parts : float
        What the shares make, and what the parts add.
    largest : tuple of Explanation
        The largest parts, each explained.
    other_issues : tuple of str
        Further issues of the day, the newest first.
    """

    prediction: LoggedPrediction
    cell_name: str
    weights_row: int
    weights: str
    parts: tuple[MixedPart, ...]
    sum_of_shares: float
    sum_of_parts: float
    largest: tuple[Explanation, ...]
    other_issues: tuple[str, ...]


def say_mixture(answer: MixtureExplanation) -> list[str]:
    """The answer in sentences, without its tables and its parts' own explanations."""
    mean = f"It is the weighted mean of what {count(len(answer.parts), 'model')} said of the same values."
    return [
        say_prediction(answer.prediction, answer.cell_name),
        f"{mean} Made again from what the log holds of them it is the same, to the bit.",
        f"The weights are those of row {answer.weights_row} of the ledger: {answer.weights}",
    ]


def rows_of_parts(answer: MixtureExplanation) -> list[tuple[str, str, str, str]]:
    """A row per part, and all of it together."""
    parts = [
        (part.name, f"{part.share:.6f}", show_chance(part.probability), show_chance(part.adds)) for part in answer.parts
    ]
    return [*parts, ("All of it together", f"{answer.sum_of_shares:.6f}", "", show_chance(answer.sum_of_parts))]
