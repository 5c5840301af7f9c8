"""Explain a logged prediction, of one model or of a mixture: the latter is made again first, then taken apart.

Rules
-----
- The chance is made again from the log's rows of the parts, by the shares that the row names, bit for bit.
- The largest parts are explained as predictions of one model, each said again to the bit by its own model.
"""

import datetime as dt
import math

import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import NotReproducedError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, find_candidate
from forest_fire_retrain.core.serving.explanations import Explanation, LoggedPrediction
from forest_fire_retrain.core.serving.mixed_rows import find_part_rows, mix_again, read_mixture
from forest_fire_retrain.core.serving.mixing import Mixture, Part
from forest_fire_retrain.core.serving.mixture_explanations import MixedPart, MixtureExplanation
from forest_fire_retrain.core.serving.prediction_log import Role
from forest_fire_retrain.core.serving.shadows import name_shadow
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.investigating.archive import Archive
from forest_fire_retrain.pipeline.investigating.explaining import WAS_A_SHADOW, explain_found
from forest_fire_retrain.pipeline.investigating.reading_log import Found, find_prediction
from forest_fire_retrain.pipeline.serving.reading_predictions import read_log

N_EXPLAINED = 2
"""Parts that are explained, by their shares."""
DAY = dt.timedelta(days=1)


def explain_prediction(
    archive: Archive, cell_id: str, day: dt.date, issue: str | None = None
) -> Explanation | MixtureExplanation:
    """Everything that can be said of a logged prediction.

    Parameters
    ----------
    archive : Archive
        What is read, and who answers where no issue is named.
    cell_id, day : str, datetime.date
        Whose prediction, for which day.
    issue : str, optional
        Which issue of the day, or its first letters; see `reading_log`.

    Raises
    ------
    RefusedRequestError
        If the log has no such prediction.
    NotReproducedError
        If it cannot be said again, or does not add up.
    """
    found = find_prediction(archive.lake, cell_id, day, issue, archive.served_by)
    if found.prediction.role != Role.MIXTURE:
        return explain_found(archive, found)
    return _explain_mixture(archive, found)


def _explain_mixture(archive: Archive, found: Found) -> MixtureExplanation:
    prediction, state = found.prediction, archive.state
    mixture, said = _make_again(archive, found)
    row = _find_weights(archive, mixture, prediction)
    parts = [_describe(part, rows, state) for part, rows in zip(mixture.parts, said, strict=True)]
    parts = sorted(parts, key=lambda part: -part.share)
    return MixtureExplanation(
        prediction=prediction,
        cell_name=found.cell_name,
        weights_row=row.sequence,
        weights=row.summary,
        parts=tuple(parts),
        sum_of_shares=math.fsum(part.share for part in parts),
        sum_of_parts=math.fsum(part.adds for part in parts),
        largest=tuple(_explain_part(archive, prediction, part) for part in parts[:N_EXPLAINED]),
        other_issues=found.other_issues,
    )


def _make_again(archive: Archive, found: Found) -> tuple[Mixture, list[pa.Table]]:
    """Who answered, and the row of each part."""
    prediction = found.prediction
    log = read_log(archive.lake, Interval(start=prediction.date, end=prediction.date + DAY))
    of_cell = log.filter(pc.equal(log["cell_id"], prediction.cell_id))
    try:
        mixture = read_mixture(found.row)
        said = [find_part_rows(part, found.row, of_cell) for part in mixture.parts]
        again = float(mix_again(found.row, of_cell)[0])
    except NotReproducedError as error:
        raise NotReproducedError(_describe_refusal(prediction, str(error))) from error
    if again != prediction.probability:
        why = f"its parts make {again!r}, {prediction.probability!r} was logged. Run: forest-fire verify"
        raise NotReproducedError(_describe_refusal(prediction, why))
    return mixture, said


def _explain_part(archive: Archive, prediction: LoggedPrediction, part: MixedPart) -> Explanation:
    """What a part said, explained; people were served by it, if not by it alone."""
    answer = explain_found(archive, find_prediction(archive.lake, prediction.cell_id, prediction.date, part.issue))
    return answer.model_copy(update={"notes": tuple(note for note in answer.notes if note != WAS_A_SHADOW)})


def _find_weights(archive: Archive, mixture: Mixture, prediction: LoggedPrediction) -> LedgerEntry:
    row = next((entry for entry in archive.entries if entry.entry_hash == mixture.weights_sha256), None)
    if row is None:
        why = f"the ledger holds no weights with the hash {mixture.weights_sha256[:12]}. Run: forest-fire verify"
        raise NotReproducedError(_describe_refusal(prediction, why))
    return row


def _describe_refusal(prediction: LoggedPrediction, why: str) -> str:
    which = f"cell {prediction.cell_id} for {prediction.date} (issue {prediction.issue})"
    return f"the mixture's prediction of {which} cannot be made again, so that nothing is explained: {why}"


def _describe(part: Part, rows: pa.Table, state: LedgerState) -> MixedPart:
    candidate = find_candidate(state, part.candidate_id)
    chance = rows["probability"][0].as_py()
    return MixedPart(
        name=name_shadow(part.version, part.candidate_id if candidate is None else candidate.windows.partition_key),
        candidate_id=part.candidate_id,
        version=part.version,
        issue=rows["issue"][0].as_py(),
        share=part.share,
        probability=chance,
        adds=part.share * chance,
    )
