"""`forest-fire shadow`: who is scored beside the champion, what that came to, and the orders to begin and to end it."""

import datetime as dt
from collections.abc import Sequence

from forest_fire_retrain import shadows
from forest_fire_retrain.cli.console import out, print_json, print_table, stamp_now
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.monitoring.shadow_comparison import ShadowComparison, cells_of
from forest_fire_retrain.core.serving.shadows import Shadow
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.pipeline.custody.shadowing import Shadowing, describe_repeated_shadow
from forest_fire_retrain.settings import Settings

NOBODY = "Nobody is scored beside the champion. To have somebody: forest-fire shadow candidate --until DATE --reason …"


def print_shadows(settings: Settings, *, as_json: bool) -> None:
    """Who is a shadow today, and what those of the champion's reign said.

    Raises
    ------
    ForestFireRetrainError
        If the ledger or the lake cannot be read.
    """
    installation, now = build_installation(settings), read_clock()
    held, compared = shadows.find_shadows(installation, now), shadows.compare_shadows(installation, now)
    if as_json:
        print_json({"shadows": [_describe(shadow) for shadow in held], "comparisons": [_dump(row) for row in compared]})
        return
    for shadow in held:
        out.print(f"{shadow.name}: {shadow.why}", markup=False)
    if not held:
        out.print(NOBODY, markup=False)
    if compared:
        print_comparisons(compared)


def print_comparisons(compared: Sequence[ShadowComparison]) -> None:
    """What shadows said beside what the champion said, one row each."""
    rows = [cells_of(row) for row in compared]
    print_table(
        "Scored beside the champion, on the same days and features", list(rows[0]), [[*r.values()] for r in rows]
    )


def order_shadow(settings: Settings, which: str, until: dt.date, reason: str, *, as_json: bool) -> None:
    """Have a candidate scored beside the champion until a day.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; nothing was changed then.
    """
    installation = build_installation(settings)
    _show(shadows.order_shadow(installation, which, until=until, reason=reason, stamp=stamp_now()), as_json=as_json)


def end_shadow(settings: Settings, which: str, reason: str, *, as_json: bool) -> None:
    """Have it scored no more.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; nothing was changed then.
    """
    installation = build_installation(settings)
    _show(shadows.end_shadow(installation, which, reason=reason, stamp=stamp_now()), as_json=as_json)


def _describe(shadow: Shadow) -> dict[str, object]:
    return {
        "candidate_id": shadow.candidate.candidate_id,
        "partition_key": shadow.candidate.windows.partition_key,
        "version": shadow.version,
        "why": shadow.why,
        "until": shadow.until,
    }


def _dump(row: ShadowComparison) -> dict[str, object]:
    return {**row.model_dump(mode="json"), "sentence": str(row)}


def _show(done: Shadowing, *, as_json: bool) -> None:
    if as_json:
        entry = done.entry.model_dump(mode="json", exclude={"payload_json"})
        print_json({"row": entry, **done.entry.payload, "is_repeated": done.is_repeated})
    else:
        out.print(describe_repeated_shadow(done) if done.is_repeated else done.entry.summary, markup=False)
