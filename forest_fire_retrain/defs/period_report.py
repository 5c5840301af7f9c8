"""What the UI shows of a decided partition: the sentence, the tables, and the pictures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import dagster as dg

from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.ledger.decision_payload import read_evidence
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.ledger.reigns import Reign
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.defs.asset_arguments import DECISION, REGISTRY_STATE, asset_of
from forest_fire_retrain.defs.metadata import (
    Metadata,
    describe_adjudication,
    mlflow_page,
    skill_of_production,
    table,
    text,
)
from forest_fire_retrain.defs.picture_files import CHAMPION, PictureFiles
from forest_fire_retrain.defs.pictures import draw_champion, draw_decision
from forest_fire_retrain.defs.replay_report import observe_replay, standing_decision
from forest_fire_retrain.defs.run_context import last_beside, tell
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication

N_WINDOWS_SHOWN, N_REIGNS_SHOWN = 60, 8


def report_partition(
    context: dg.AssetExecutionContext, installation: Installation, key: str, adjudication: Adjudication
) -> Callable[[], dict[str, bytes]]:
    """Attach what a person asks next to the two assets of the operation; what comes back draws the pictures."""
    state = installation.ledger.state(installation.settings.model_name)
    shown = describe_adjudication(standing_decision(adjudication, state, key))
    _attach(context, DECISION, key, shown)
    is_last = last_beside(key, context.partition_keys) is None
    _attach(context, REGISTRY_STATE, key, _describe_registry(installation, adjudication, state, is_last=is_last))
    tell(context, installation, DECISION, key, adjudication.entry.summary)
    payload = adjudication.payload
    against = "climatology" if payload.champion is None else f"version {payload.champion.version}"
    return partial(draw_decision, payload.decision.comparison, against, adjudication.rows)


def attach_pictures(
    context: dg.AssetExecutionContext,
    installation: Installation,
    key: str,
    adjudication: Adjudication,
    pictures: Mapping[str, bytes],
) -> None:
    """Attach the pictures of a partition; those of a replay, with all it came to, to an observation beside it."""
    files = PictureFiles(installation.settings.picture_folder)
    links = {name: files.keep(png) for name, png in pictures.items()}
    if adjudication.standing is Standing.REPLAY:
        observe_replay(context, key, {**describe_adjudication(adjudication), **links})
    else:
        _attach(context, DECISION, key, links)


def chosen_of(context: dg.AssetExecutionContext) -> set[str]:
    """The names of the assets that a run makes, of those that belong to its operation."""
    return {key.path[-1] for key in context.selected_asset_keys}


def _attach(context: dg.AssetExecutionContext, name: str, key: str, metadata: Metadata) -> None:
    """Attach metadata to the partition of an asset, unless the run does not make it."""
    if name in chosen_of(context):
        context.add_asset_metadata(metadata, asset_key=asset_of(key, name), partition_key=key)


def draw_present_champion(installation: Installation) -> None:
    """Draw anew the picture that stands on the page of `registry_state`: who was champion when, and how good."""
    state = installation.ledger.state(installation.settings.model_name)
    windows = leave_out_shared(read_evidence(entry) for entry in _newest(state, N_WINDOWS_SHOWN))
    if not windows:
        return
    png = draw_champion(
        state.reigns,
        max(evidence.window.end for evidence in windows),
        [evidence.window.start for evidence in windows],
        [skill_of_production(evidence) for evidence in windows],
    )
    PictureFiles(installation.settings.picture_folder).replace(CHAMPION, png)


def _describe_registry(
    installation: Installation, adjudication: Adjudication, state: LedgerState, *, is_last: bool
) -> Metadata:
    """What became of production; who was champion when, where that changed and with the last period of a run."""
    settings, entry = installation.settings, adjudication.entry
    reign = state.reigns[-1] if state.reigns else None
    moved = reign is not None and reign.decision_id == entry.decision_id
    page = "#/models/" + settings.model_name + ("" if reign is None else f"/versions/{reign.version}")
    return {
        "what happened": text(_what_happened(adjudication, moved=moved)),
        "production version": dg.MetadataValue.int(reign.version) if reign else text("none"),
        "champion before": text(_named(entry.champion_before)),
        "confirmed at": text(reign.since.isoformat() if reign else "never"),
        "promotions so far": dg.MetadataValue.int(len(state.reigns)),
        "reason": text(entry.summary),
        **({"champions": reign_table(state.reigns)} if moved or is_last else {}),
        "MLflow model": dg.MetadataValue.url(mlflow_page(settings, page)),
    }


def reign_table(reigns: Sequence[Reign]) -> dg.MetadataValue:
    """The newest reigns, one row each, the present one first."""
    rows = [
        {
            "version": str(reign.version),
            "champion from": str(reign.as_of or reign.since.date()),
            "until": "today" if following is None else str(following.as_of or following.since.date()),
        }
        for reign, following in zip(reigns, [*reigns, None][1:], strict=True)
    ]
    return table(rows[::-1][:N_REIGNS_SHOWN]) if rows else text("none yet")


def _what_happened(adjudication: Adjudication, *, moved: bool) -> str:
    if adjudication.standing is Standing.REPLAY:
        return "no change: a replay moves nothing"
    if adjudication.payload.shadow_until is not None and not moved:
        return f"no change: the candidate goes through a shadow time until {adjudication.payload.shadow_until}"
    return "upgraded production" if moved else "no change"


def _newest(state: LedgerState, n_decisions: int) -> list[LedgerEntry]:
    return list(state.decisions.values())[-n_decisions:]


def _named(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
