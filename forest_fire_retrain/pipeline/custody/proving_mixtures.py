"""Hold weights against the losses in their rows, and what mixtures said against what their parts said.

Rules
-----
- Weights follow from their row alone; another processor may change their last digits.
- Of every issue of a mixture the chances are made again from the log's own rows of its parts, bit for bit, and its
  shares from the row of weights that it names.
- A ledger without weights has no mixtures, and no log is read.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.errors import NotReproducedError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.weights import WeightsPayload
from forest_fire_retrain.core.routing.mixture import MixtureRule, WeightReason, weigh
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.core.serving.issues import Issue
from forest_fire_retrain.core.serving.mixed_rows import READ_BACK, issues_of_mixtures, mix_again, read_mixture
from forest_fire_retrain.core.serving.mixing import Mixture
from forest_fire_retrain.core.serving.prediction_log import PREDICTIONS
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.custody.comparing_registry import RESTORE, Fault

TOLERANCE = 1e-9
WITHOUT_WEIGHT = {str(why) for why in (WeightReason.TAINTED, WeightReason.QUARANTINED, WeightReason.REJECTED)}
CHUNK_DAYS = 28
"""Days of the log that are held at once."""
RESTORE_LOG = "restore the lake's folder from a backup"


def check_weights(entries: Sequence[LedgerEntry]) -> list[Fault]:
    """Rows whose weights do not follow from the losses beside them.

    Raises
    ------
    LedgerError
        If a row does not hold what its kind needs.
    """
    return [
        Fault(
            "ledger",
            f"the weights in row {entry.sequence} do not follow from the losses beside them: it was rewritten",
            RESTORE,
            repairable=False,
        )
        for entry in entries
        if entry.kind is EntryKind.WEIGHTS and not _do_follow(WeightsPayload.read(entry))
    ]


def check_mixtures(lake: Lake, entries: Sequence[LedgerEntry]) -> list[Fault]:
    """Issues of mixtures that are not what their parts and their weights make.

    Raises
    ------
    LakeError
        If the log cannot be read.
    LedgerError
        If a row does not hold what its kind needs.
    """
    rows = {entry.entry_hash: WeightsPayload.read(entry) for entry in entries if entry.kind is EntryKind.WEIGHTS}
    if not rows or lake.version(PREDICTIONS) is None:
        return []
    held = lake.read(PREDICTIONS, columns=["date"])["date"]
    day, end = min(payload.day for payload in rows.values()), pc.max(held).as_py() or dt.date.min
    faults = list[Fault]()
    while day <= end:
        window = Interval(start=day, end=day + dt.timedelta(days=CHUNK_DAYS))
        log = lake.read(PREDICTIONS, columns=READ_BACK, day_column="date", window=window)
        faults += [fault for issue in issues_of_mixtures(log) if (fault := _find_fault(issue, log, rows)) is not None]
        day = window.end
    return faults


def _do_follow(payload: WeightsPayload) -> bool:
    losses = [[float("nan") if loss is None else loss for loss in week.losses] for week in payload.weeks]
    shape = (len(payload.weeks), len(payload.members))
    if any(len(week) != shape[1] for week in losses):
        return False
    without = [member.reason in WITHOUT_WEIGHT for member in payload.members]
    rule = MixtureRule(rate=payload.rate, share=payload.share)
    again = weigh(np.array(losses, dtype=np.float64).reshape(shape), without, rule)
    pairs = list(zip(payload.members, again, strict=True))
    near = all(
        abs(member.weight - weight.weight) <= TOLERANCE and abs(member.log_loss - weight.log_loss) <= TOLERANCE
        for member, weight in pairs
    )
    return near and all(member.n_weeks == weight.n_weeks for member, weight in pairs)


def _find_fault(issue: Issue, log: pa.Table, known: Mapping[str, WeightsPayload]) -> Fault | None:
    rows = log.filter(pc.equal(log["issue"], issue.name))
    of_day = log.filter(pc.equal(log["date"], pa.scalar(issue.date)))
    try:
        mixture = read_mixture(rows)
        weights = known.get(mixture.weights_sha256)
        why = "the ledger holds no weights of the hash that it names" if weights is None else None
        if weights is not None and not _are_shares_right(mixture, issue, weights):
            why = f"its shares are not those of row {mixture.weights_row} of the ledger"
        elif mix_again(rows, of_day).tobytes() != rows["probability"].to_numpy().tobytes():
            why = why or "its parts make other chances"
    except NotReproducedError as error:
        why = str(error)
    if why is None:
        return None
    return Fault("log", f"the mixture of {issue.date} (issue {issue.name}): {why}", RESTORE_LOG, repairable=False)


def _are_shares_right(mixture: Mixture, issue: Issue, weights: WeightsPayload) -> bool:
    """Whether the parts are members with weight, on a day of these weights, and share as their weights do."""
    named = {part.candidate_id for part in mixture.parts}
    held = [member for member in weights.members if member.candidate_id in named and member.weight > 0]
    total = sum(member.weight for member in held)
    parts = [(part.candidate_id, part.artifact_sha256, part.share) for part in mixture.parts]
    made_on = issue.date - dt.timedelta(days=issue.lead_days)
    return weights.day <= made_on < weights.until and parts == [
        (member.candidate_id, member.artifact_sha256, member.weight / total) for member in held
    ]
