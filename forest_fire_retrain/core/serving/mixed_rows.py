"""Rows of the log of models that answer together, and how they are made again from those of their parts.

Rules
-----
- A row names the row of weights by its hash, and its parts with their shares. Its chance is the mean of what its parts
  say in the same log of the same cell, day and features, bit for bit.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import NotReproducedError
from forest_fire_retrain.core.routing.mixture import blend
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.serving.issues import ISSUE_COLUMNS, Issue, list_issues
from forest_fire_retrain.core.serving.mixing import Mixture, Part
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS_SCHEMA, UNREGISTERED, Role
from forest_fire_retrain.core.serving.risk_classes import RiskClasses
from forest_fire_retrain.core.serving.scored_days import Floats, name_issue, rank_chances

MIXED = str(Routing.MIXTURE)
"""Stands for the candidate in rows of a mixture."""
READ_BACK = (*ISSUE_COLUMNS, "cell_id", "feature_hash", "probability", "artifact_sha256", "model_id")
"""Columns of the log from which a mixture is made again."""


def mix_rows(mixture: Mixture, said: Mapping[str, pa.Table], classes: RiskClasses) -> pa.Table:
    """The rows of the log of models that answer together, in the order of their parts' rows.

    Parameters
    ----------
    mixture : Mixture
        Who answers.
    said : mapping
        Candidate to its rows of the log: those of every part, of the same cells, days and features in the same order.
    classes : RiskClasses
        How chances are named.
    """
    tables = [said[part.candidate_id] for part in mixture.parts]
    rows, text = tables[0], mixture.to_text()
    chances = blend([table["probability"].to_numpy() for table in tables], [part.share for part in mixture.parts])
    same = {
        "role": Role.MIXTURE.value,
        "model_version": UNREGISTERED,
        "model_id": text,
        "candidate_id": MIXED,
        "artifact_sha256": fingerprint_text(text),
        "mlflow_run_id": "",
    }
    ranks, names = np.empty(rows.num_rows, dtype=np.int32), np.empty(rows.num_rows, dtype=object)
    first = rows.slice(0, 1).to_pylist()[0]
    made_of = {**{name: first[name] for name in ("kind", "model_name", "class_limits")}, **same}
    for places in _places_of_issues(rows):
        day, lead = (rows[name][int(places[0])].as_py() for name in ("date", "lead_days"))
        cells = dict(zip(*(rows[name].take(places).to_pylist() for name in ("cell_id", "feature_hash")), strict=True))
        ranks[places], names[places] = rank_chances(chances[places]), name_issue(day, lead, cells, made_of)
    found: dict[str, object] = {
        **{name: [value] * rows.num_rows for name, value in same.items()},
        "probability": chances,
        "expected_fires": -np.log1p(-chances),
        "risk_class": classes.classify(chances.tolist()),
        "rank": ranks,
        "issue": names,
    }
    columns = [_as_column(found.get(field.name, rows[field.name]), field.type) for field in PREDICTIONS_SCHEMA]
    return pa.table(columns, schema=PREDICTIONS_SCHEMA)


def read_mixture(rows: pa.Table) -> Mixture:
    """Who answered in the rows of an issue of a mixture.

    Raises
    ------
    NotReproducedError
        If the rows do not say it, or the hash beside it is that of something else.
    """
    texts, hashes = (rows[name].unique().to_pylist() for name in ("model_id", "artifact_sha256"))
    if len(texts) != 1 or hashes != [fingerprint_text(texts[0])]:
        msg = "its rows do not name the parts that their hash is of: the log was changed"
        raise NotReproducedError(msg)
    try:
        return Mixture.model_validate_json(texts[0])
    except ValueError as error:  # pydantic's among them
        msg = "its rows do not name its parts: the log was changed"
        raise NotReproducedError(msg) from error


def find_part_rows(part: Part, rows: pa.Table, log: pa.Table) -> pa.Table:
    """What a part said of the cells of `rows`, on the very features, in their order; the columns `READ_BACK`.

    Parameters
    ----------
    part : Part
        Who.
    rows : pyarrow.Table
        Rows of one issue of a mixture, or some of them.
    log : pyarrow.Table
        All rows of the log for the day.

    Raises
    ------
    NotReproducedError
        If the log does not hold it.
    """
    own = log.filter(
        pc.and_(
            pc.equal(log["candidate_id"], part.candidate_id), pc.equal(log["artifact_sha256"], part.artifact_sha256)
        )
    )
    issue = list_issues(rows)[0]
    for other in reversed(list_issues(own)):
        if (other.kind, other.lead_days) == (issue.kind, issue.lead_days):
            held = own.filter(pc.equal(own["issue"], other.name))
            places = pc.index_in(rows["cell_id"], held["cell_id"].combine_chunks())
            if places.null_count == 0 and held["feature_hash"].take(places).equals(rows["feature_hash"]):
                return held.take(places)
    msg = f"the log does not hold what candidate {part.candidate_id} said of the same cells and features"
    raise NotReproducedError(msg)


def mix_again(rows: pa.Table, log: pa.Table) -> Floats:
    """The chances of rows of one issue of a mixture, made again from what its parts said; as `find_part_rows`."""
    mixture = read_mixture(rows)
    said = [find_part_rows(part, rows, log)["probability"].to_numpy() for part in mixture.parts]
    return blend(said, [part.share for part in mixture.parts])


def issues_of_mixtures(log: pa.Table) -> list[Issue]:
    """The issues of mixtures among rows of the log."""
    return [issue for issue in list_issues(log) if issue.role is Role.MIXTURE]


def _places_of_issues(rows: pa.Table) -> list[np.ndarray]:
    names = np.array(rows["issue"].to_pylist(), dtype=object)
    return [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]


def _as_column(values: object, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    return values if isinstance(values, pa.ChunkedArray) else pa.array(values, kind)
