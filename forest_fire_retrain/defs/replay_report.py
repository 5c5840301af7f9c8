"""A replay in the UI: an observation beside what stands, and what is current stays what the asset's page shows.

Rules
-----
- A replayed period keeps the decision that was made live as its materialization; what the replay came to is an
  observation of the same partition, marked REPLAY.
- Dagster shows the last event of an asset as its newest, whatever the partition. After a run over earlier periods the
  newest live period is therefore reported once more, as it was, and says so. A check has one result, the newest: after
  such a run the checks of the decision are those of the newest live period, and the others look at that one too.
"""

from collections.abc import Iterable, Sequence

import dagster as dg

from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.periods import is_active
from forest_fire_retrain.defs.asset_arguments import DECISION, asset_of
from forest_fire_retrain.defs.metadata import Metadata, text
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication, adjudication_of

SHOWN_AGAIN = "shown again"


def observe_replay(context: dg.AssetExecutionContext, key: str, metadata: Metadata) -> None:
    """Put what a replay came to beside the decision that stands."""
    context.log_event(dg.AssetObservation(asset_of(key, DECISION), partition=key, metadata=metadata))


def standing_decision(adjudication: Adjudication, state: LedgerState, key: str) -> Adjudication:
    """What stands of a period: itself, or where it is a replay the decision that was made live, if there is one."""
    original = state.decisions.get(key)
    if adjudication.standing is not Standing.REPLAY or original is None:
        return adjudication
    return adjudication_of(original)


def current_decisions(
    adjudications: Sequence[Adjudication], keys: Sequence[str], state: LedgerState
) -> Sequence[Adjudication]:
    """What the checks of the decision speak of: the run's own periods, or after earlier ones the newest live one."""
    newest = _newer_than(keys, state)
    return adjudications if newest is None else [adjudication_of(state.decisions[newest])]


def keys_to_check(keys: Sequence[str], state: LedgerState) -> list[str]:
    """The periods that a check of a run over `keys` looks at: those, and a newer one that was decided live, last."""
    newest = _newer_than(keys, state)
    return [*keys] if newest is None else [*keys, newest]


def keep_current(
    context: dg.AssetExecutionContext, assets: Iterable[str], keys: Sequence[str], state: LedgerState
) -> None:
    """After a run over periods before the newest live one, report that one again for these assets."""
    newest = _newer_than(keys, state)
    if newest is None:
        return
    for asset in assets:
        wanted = dg.AssetRecordsFilter(asset_of(newest, asset), asset_partitions=[newest])
        for record in context.instance.fetch_materializations(wanted, limit=1).records:
            if record.asset_materialization is not None:
                context.log_event(_again(record.asset_materialization, keys))


def _newer_than(keys: Sequence[str], state: LedgerState) -> str | None:
    """The newest period of their kind that was decided live, if a run over `keys` was over earlier ones."""
    decided = (key for key in state.decisions if is_active(key) is is_active(keys[0]))
    newest = max(decided, default=None, key=lambda key: (state.decisions[key].as_of, key))
    return None if newest is None or max(keys) >= newest else newest


def _again(made: dg.AssetMaterialization, keys: Sequence[str]) -> dg.AssetMaterialization:
    replayed = keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"
    note = text(f"as it was, after a run over {replayed}; nothing was made anew for {made.partition}")
    return dg.AssetMaterialization(
        made.asset_key,
        partition=made.partition,
        metadata={**made.metadata, SHOWN_AGAIN: note},
        tags=made.tags,
    )
