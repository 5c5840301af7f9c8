"""What the UI shows of a decided partition: the sentence, the tables, and the pictures."""

import dagster as dg

from forest_fire_retrain.core.decision_payload import read_evidence
from forest_fire_retrain.core.ledger_state import LedgerState, fold
from forest_fire_retrain.defs.figures import draw_evidence, draw_reliability, draw_skill, draw_timeline
from forest_fire_retrain.defs.metadata import (
    Metadata,
    describe_adjudication,
    mlflow_page,
    skill_of_production,
    text,
)
from forest_fire_retrain.defs.shape import tell
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.adjudicating import Adjudication

N_WINDOWS_SHOWN = 60


def report_partition(
    context: dg.AssetExecutionContext, installation: Installation, key: str, adjudication: Adjudication
) -> None:
    """Attach everything a person asks next to the two assets of the operation."""
    state = fold(installation.ledger.entries(installation.settings.model_name))
    decision = describe_adjudication(adjudication) | _decision_pictures(adjudication)
    context.add_asset_metadata(decision, asset_key="adjudication_decision", partition_key=key)
    registry = _describe_registry(installation, adjudication, state) | _registry_pictures(adjudication, state)
    context.add_asset_metadata(registry, asset_key="registry_state", partition_key=key)
    tell(context, installation, "adjudication_decision", key, adjudication.entry.summary)


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


def _decision_pictures(adjudication: Adjudication) -> Metadata:
    payload = adjudication.payload
    against = "climatology" if payload.champion is None else f"version {payload.champion.version}"
    pictures: Metadata = {"evidence": dg.MetadataValue.md(draw_evidence(payload.decision.comparison, against))}
    if adjudication.rows is not None:
        pictures["reliability"] = dg.MetadataValue.md(draw_reliability(adjudication.rows))
    return pictures


def _registry_pictures(adjudication: Adjudication, state: LedgerState) -> Metadata:
    windows = [read_evidence(entry) for entry in list(state.decisions.values())[-N_WINDOWS_SHOWN:]]
    days = [evidence.window.start for evidence in windows]
    skills = [skill_of_production(evidence) for evidence in windows]
    until = adjudication.payload.holdout.windows.as_of
    return {
        "champion timeline": dg.MetadataValue.md(draw_timeline(state.reigns, until)),
        "skill against climatology": dg.MetadataValue.md(draw_skill(days, skills)),
    }


def _named(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
