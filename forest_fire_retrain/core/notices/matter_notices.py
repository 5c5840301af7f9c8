"""What open matters have to tell people: that one is open, once, and that it is over, once.

Rules
-----
- A matter is told when its key is new among those of its kind that are open.
- A kind is over when a look finds nothing of it open any more; whoever was told of it is told that. Until then another
  matter of the kind takes the place of the first (a later failed run, a registry that cannot even be asked).
- What comes again after it was over is told again: keys count how often their kind was over.
- Doubted labels and guardrails are told from the ledger's rows, and not a second time from here.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.notices.notice import Notice, Told, make_notice

TOLD_FROM_ROWS = frozenset({MatterKind.LABELS_DOUBTED, MatterKind.GUARDRAIL_REPEATS})
TITLES = {
    MatterKind.REGISTRY_DIFFERS: "registry differs from the ledger",
    MatterKind.RUN_FAILED: "a run failed",
    MatterKind.DECISION_OVERDUE: "a decision is overdue",
    MatterKind.PREDICTION_OVERDUE: "a prediction is overdue",
    MatterKind.FEED: "the feed is silent or partial",
    MatterKind.CHAMPION_OLD: "the champion is old",
    MatterKind.FAULT_FOUND: "a fault was found",
    MatterKind.QUALITY_ALARM: "the champion loses more than it expects to",
    MatterKind.QUALITY_BLIND: "the predictions cannot be judged",
    MatterKind.QUALITY_OVERDUE: "a look at the predictions is overdue",
    MatterKind.POPULATION_SHIFT: "the inputs have moved from the training",
}


class _Kind(NamedTuple):
    """How often a kind was over, and what was told of it since: key of the matter to sentence."""

    n_over: int
    open_since: dict[str, str]


def matter_notices(
    matters: Sequence[Matter], told: Sequence[Told], model_name: str, now: dt.datetime, *, is_whole: bool = True
) -> list[Notice]:
    """What a channel that was told `told` is to be told of the matters that are open at `now`.

    Parameters
    ----------
    matters : sequence of Matter
        What is open.
    told : sequence of Told
        What the channel was told, in its order.
    model_name : str
        The model of the installation.
    now : datetime.datetime
        The present, UTC.
    is_whole : bool
        Whether everything could be looked at; what was not looked at is not over.
    """
    looked_at = [matter for matter in matters if matter.kind not in TOLD_FROM_ROWS]
    open_kinds = {matter.kind for matter in looked_at}
    found = [_open(matter, _read(told, matter.kind), model_name, now) for matter in looked_at]
    settled = [kind for kind in MatterKind if is_whole and kind not in open_kinds]
    closed = [_close(kind, _read(told, kind), model_name, now) for kind in settled]
    by_key = {notice.key: notice for notice in [*found, *closed] if notice is not None}
    return list(by_key.values())


def _read(told: Sequence[Told], kind: MatterKind) -> _Kind:
    n_over, open_since = 0, dict[str, str]()
    for before in told:
        if before.kind != kind or before.matter is None:
            continue
        if before.is_over:
            n_over, open_since = n_over + 1, {}
        else:
            open_since[before.matter] = before.sentence
    return _Kind(n_over, open_since)


def _open(matter: Matter, before: _Kind, model_name: str, now: dt.datetime) -> Notice | None:
    if matter.key in before.open_since:
        return None
    return make_notice(
        kind=matter.kind,
        key=f"{matter.key}#{before.n_over + 1}",
        subject=f"{model_name}: {_title(matter.kind)}",
        sentence=matter.sentence,
        remedy=matter.remedy,
        at=now,
        matter=matter.key,
    )


def _close(kind: MatterKind, before: _Kind, model_name: str, now: dt.datetime) -> Notice | None:
    if not before.open_since:
        return None
    *others, (key, last) = before.open_since.items()
    more = f" (and {len(others)} more before)" if others else ""
    return make_notice(
        kind=kind,
        key=f"over/{kind}#{before.n_over + 1}",
        subject=f"{model_name}: over: {_title(kind)}",
        sentence=f"Over{more}: {last}",
        remedy="",
        at=now,
        matter=key,
        is_over=True,
    )


def _title(kind: MatterKind) -> str:
    return TITLES.get(kind, str(kind).replace("_", " "))
