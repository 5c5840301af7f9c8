"""What the UI shows of a decided partition: the sentence, the tables, and the pictures."""

from collections.abc import Callable
from functools import partial

import dagster as dg

from forest_fire_retrain.core.ledger.decision_payload import read_evidence
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.defs.asset_arguments import DECISION, REGISTRY_STATE
from forest_fire_retrain.defs.metadata import (
    Metadata,
    describe_adjudication,
    mlflow_page,
    skill_of_production,
    text,
)
from forest_fire_retrain.defs.pictures import Pictures, draw_pictures
from forest_fire_retrain.defs.run_context import tell
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication

N_WINDOWS_SHOWN = 60


def report_partition(
    context: dg.AssetExecutionContext, installation: Installation, key: str, adjudication: Adjudication
) -> Callable[[], Pictures]:
    """Attach what a person asks next to the two assets of the operation; what comes back draws the pictures."""
    state = fold(installation.ledger.entries(installation.settings.model_name))
    context.add_asset_metadata(describe_adjudication(adjudication), asset_key=DECISION, partition_key=key)
    registry = _describe_registry(installation, adjudication, state)
    context.add_asset_metadata(registry, asset_key=REGISTRY_STATE, partition_key=key)
    tell(context, installation, DECISION, key, adjudication.entry.summary)
    payload, windows = adjudication.payload, [read_evidence(entry) for entry in _newest(state, N_WINDOWS_SHOWN)]
    return partial(
        draw_pictures,
        comparison=payload.decision.comparison,
        against="climatology" if payload.champion is None else f"version {payload.champion.version}",
        rows=adjudication.rows,
        reigns=state.reigns,
        until=payload.holdout.windows.as_of,
        days=[evidence.window.start for evidence in windows],
        skills=[skill_of_production(evidence) for evidence in windows],
    )


def attach_pictures(context: dg.AssetExecutionContext, key: str, pictures: Pictures) -> None:
    """Attach the pictures of a partition to the two assets of the operation."""
    for asset_key, drawn in ((DECISION, pictures.decision), (REGISTRY_STATE, pictures.registry)):
        metadata = {name: dg.MetadataValue.md(picture) for name, picture in drawn.items()}
        context.add_asset_metadata(metadata, asset_key=asset_key, partition_key=key)


def _describe_registry(installation: Installation, adjudication: Adjudication, state: LedgerState) -> Metadata:
    settings, entry = installation.settings, adjudication.entry
    reign = state.reigns[-1] if state.reigns else None
    moved = reign is not None and reign.decision_id == entry.decision_id
    page = "#/models/" + settings.model_name + ("" if reign is None else f"/versions/{reign.version}")
    return {
        "what happened": text("upgraded production" if moved else "no change"),
        "production version": dg.MetadataValue.int(reign.version) if reign else text("none"),
        "champion before": text(_named(entry.champion_before)),
        "confirmed at": text(reign.since.isoformat() if reign else "never"),
        "promotions so far": dg.MetadataValue.int(len(state.reigns)),
        "reason": text(entry.summary),
        "MLflow model": dg.MetadataValue.url(mlflow_page(settings, page)),
    }


def _newest(state: LedgerState, n_decisions: int) -> list[LedgerEntry]:
    return list(state.decisions.values())[-n_decisions:]


def _named(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
