"""Group `provenance`: the record of the period, chain and registry verified, the ledger exported."""

from collections.abc import Callable, Collection, Iterator
from functools import cache

import dagster as dg

from forest_fire_retrain.adapters.ledger_export import read_checkpoint, read_export
from forest_fire_retrain.adapters.reigns_file import read_reigns
from forest_fire_retrain.adapters.status_file import read_status
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import LedgerTamperedError, TrackingError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.replays import say_summaries
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.defs.asset_arguments import OWNERS, REGISTRY_STATE, Shape
from forest_fire_retrain.defs.asset_code import code_version_of
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.metadata import SHORT_HASH, Metadata, table, text
from forest_fire_retrain.defs.replay_report import keep_current
from forest_fire_retrain.defs.run_context import last_beside, tell, warn
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.operations import publish
from forest_fire_retrain.pipeline.custody.asking_runs import CHECKPOINT_TAG
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault, check_alias, check_versions_known
from forest_fire_retrain.pipeline.custody.promoting import look_at
from forest_fire_retrain.pipeline.custody.verifying import check_chain, check_copy, check_horizon
from forest_fire_retrain.verification import check_exported_checkpoint

CHAIN_CHECK = "ledger_chain_is_intact"
ALIAS_CHECK = "champion_alias_matches_ledger"
EXPORT_CHECK = "export_matches_ledger"
REGISTRY_CHECK = "registry_versions_match_ledger"
CHAMPION_CHECK = "champion_reproduces_its_predictions"
REGISTRY_CHECKS = (ALIAS_CHECK, REGISTRY_CHECK, CHAMPION_CHECK)
PROVENANCE = "provenance"
Seen = tuple[list[Fault], str]
"""The faults that were found, and what is said where there are none."""
CHECKS = {
    CHAIN_CHECK: "Every row of the ledger links to the one before it and has the hash it was written with.",
    ALIAS_CHECK: "The registry's alias champion points at the version the ledger confirmed last.",
    EXPORT_CHECK: "The copy for lock-free reading holds exactly the ledger's rows, and their reigns.",
    REGISTRY_CHECK: "Every version that was champion is registered and tagged as the ledger says; no other is there.",
    CHAMPION_CHECK: "The champion's artifact has its recorded hash, loads, and predicts what it did at its training.",
}


def build_provenance_assets(shape: Shape) -> list[dg.AssetsDefinition]:
    """`provenance`, downstream of the decision and its execution."""

    @dg.asset(
        key=shape.key(PROVENANCE),
        deps=[shape.key(REGISTRY_STATE)],
        group_name=shape.group("provenance"),
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        code_version=code_version_of("provenance"),
        description="The ledger's record of the period, its hash chain and the registry verified, and the ledger "
        "exported for reading without a lock, with the table model_name, production_version, updated, training_time.",
        **shape.shared,
    )
    @foreseen
    def provenance(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        entries = _publish(installation)
        checkpoint = read_checkpoint(installation.settings.export_folder)
        for key in context.partition_keys:
            rows = [entry for entry in entries if entry.partition_key == key]
            is_last = last_beside(key, context.partition_keys) is None
            exported = {"checkpoint": text(checkpoint or "none")} if is_last else {}
            context.add_asset_metadata({**_describe(rows), **exported}, partition_key=key)
        _tag_runs(context, installation, entries, checkpoint)
        tell(context, installation, "provenance", context.partition_keys[-1], f"{len(entries)} ledger rows exported")
        yield dg.MaterializeResult()
        state = installation.ledger.state(installation.settings.model_name)
        keep_current(context, [PROVENANCE], context.partition_keys, state)

    return [provenance]


def build_custody_checks(shape: Shape) -> dg.AssetChecksDefinition:
    """The checks on `provenance`: after it in a run, and each on its own whenever somebody asks."""
    provenance = shape.key(PROVENANCE)

    @dg.multi_asset_check(
        name=shape.op("check_custody"),
        specs=[dg.AssetCheckSpec(name, asset=provenance, description=sentence) for name, sentence in CHECKS.items()],
        can_subset=True,
    )
    @foreseen
    def check_custody_of_home(
        context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.AssetCheckResult]:
        asked = {key.name for key in context.selected_asset_check_keys}
        yield from check_custody(installation, installation.ledger.read_afresh(), asked)

    return check_custody_of_home


def check_custody(
    installation: Installation, entries: list[LedgerEntry], asked: Collection[str] = CHECKS.keys()
) -> list[dg.AssetCheckResult]:
    """Compare ledger, registry, export and champion, by what `forest-fire verify` compares them with.

    Only the checks that were `asked` for are made, in the order of `CHECKS`. What would have to be compared with a
    broken chain has not passed.
    """
    chain = check_chain(entries)
    looks: dict[str, Callable[[], Seen]] = {
        CHAIN_CHECK: lambda: (chain, f"All {counted(len(entries), 'row')} are linked and unchanged."),
        EXPORT_CHECK: lambda: _look_at_copy(installation, entries),
        **(dict.fromkeys(REGISTRY_CHECKS, lambda: (chain, "")) if chain else _looks_at_registry(installation, entries)),
    }
    return [_result(name, *looks[name]()) for name in CHECKS if name in asked]


def _look_at_copy(installation: Installation, entries: list[LedgerEntry]) -> Seen:
    folder = installation.settings.export_folder
    faults = [
        *check_copy(
            entries, lambda rows: read_export(folder, rows), lambda: read_reigns(folder), lambda: read_status(folder)
        ),
        *check_exported_checkpoint(installation.published_ledger, entries),
    ]
    return faults, f"All {counted(len(entries), 'row')} are exported, and the reigns that follow from them."


def _looks_at_registry(installation: Installation, entries: list[LedgerEntry]) -> dict[str, Callable[[], Seen]]:
    name = installation.settings.model_name
    own = [entry for entry in entries if entry.model_name == name]
    state, view_of = fold(own), cache(lambda: look_at(installation.registry, name))
    champion = "There is no champion yet" if state.champion is None else f"Version {state.champion} is champion"

    def look_at_champion() -> Seen:
        sound = f"{champion}." if state.champion is None else f"{champion} and loads."
        return check_horizon(installation.stores, state, own, view_of(), 1), sound

    def look_at_versions() -> Seen:
        compared = counted(len(view_of().versions), "version")
        return check_versions_known(state, own, view_of()), f"{compared} compared."

    return {
        ALIAS_CHECK: lambda: (check_alias(state, view_of()), f"{champion}, in the registry and in the ledger."),
        REGISTRY_CHECK: look_at_versions,
        CHAMPION_CHECK: look_at_champion,
    }


def _result(name: str, faults: list[Fault], sound: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name, passed=not faults, description=" ".join(str(fault) for fault in faults) or sound
    )


def _publish(installation: Installation) -> list[LedgerEntry]:
    """Export the ledger; a copy that knows more than the ledger is kept, and the check on it fails."""
    try:
        return publish(installation.published_ledger)
    except LedgerTamperedError:
        return installation.ledger.entries()


def _tag_runs(
    context: dg.AssetExecutionContext, installation: Installation, entries: list[LedgerEntry], checkpoint: str | None
) -> None:
    """Write the checkpoint to the runs of the candidates that this Dagster run decided on."""
    run_ids = {entry.mlflow_run_id for entry in entries if entry.dagster_run_id == context.run.run_id}
    if checkpoint is None:
        return
    for run_id in sorted(filter(None, run_ids)):
        try:
            installation.tracker.tag_run(run_id, CHECKPOINT_TAG, checkpoint)
        except TrackingError as error:
            warn(context, installation, "provenance", f"the checkpoint is not tagged in MLflow: {error}")


def _shown(listed: list[dict[str, str]]) -> dg.MetadataValue:
    """A table, or in words what is one row, as of most periods: Dagster stores a table's frame each time."""
    if len(listed) == 1:
        row, kind, recorded, trigger, what = listed[0].values()
        return text(f"row {row}, {kind}, recorded {recorded} UTC, by {trigger}: {what}")
    return table(listed) if listed else text("none")


def _describe(rows: list[LedgerEntry]) -> Metadata:
    """The rows of one period, newest last."""
    listed = [
        {
            "row": str(row.sequence),
            "kind": "REPLAY" if row.kind is EntryKind.REPLAY else str(row.kind),
            "recorded (UTC)": f"{row.recorded_at:%Y-%m-%d %H:%M}",
            "trigger": row.trigger,
            "what": said,
        }
        for row, said in zip(rows, say_summaries(rows), strict=True)
    ]
    return {
        "rows of this period": _shown(listed),
        "row hash": text(rows[-1].entry_hash[:SHORT_HASH] if rows else "none"),
        "replays": dg.MetadataValue.int(sum(row.kind is EntryKind.REPLAY for row in rows)),
    }
