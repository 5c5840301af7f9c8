"""What a person asks next, as Dagster metadata: counts, windows, hashes, metrics, verdicts, links."""

import math
from collections.abc import Mapping, Sequence

import dagster as dg
import pyarrow as pa

from forest_fire_retrain.core.decision.block_statistics import quotient
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.ledger.replays import describe_differences
from forest_fire_retrain.core.records import Candidate, FeatureReport, HoldoutSet, IngestReport
from forest_fire_retrain.core.redaction import REDACTED, redact
from forest_fire_retrain.defs.guardrail_words import describe_guardrail
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication
from forest_fire_retrain.settings import Settings

Metadata = dict[str, dg.MetadataValue]
SHORT_HASH, PERCENT_DIGITS = 16, 2
TRAINING_VIEW = "?workflowType=machine_learning"
"""Asks MLflow's UI for its view of trainings and the registry; its pages are behind the `#`, and so is this."""
TYPE_NAMES = {"string": "text", "double": "number", "bool": "boolean", "date32[day]": "date"}


def column_schema(schema: pa.Schema) -> dict[str, dg.TableSchema]:
    """The columns with their units, as the UI's schema panel reads them."""
    columns = [dg.TableColumn(field.name, _type_name(field), _describe(field)) for field in schema]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def describe_ingest(report: IngestReport, n_recorded: int, last: str | None = None) -> Metadata:
    """Rows of the period, and what the ingestion it was part of did as a whole; a run may span many periods.

    Parameters
    ----------
    report : IngestReport
        What the ingestion did.
    n_recorded : int
        Rows of the period.
    last : str, optional
        Where another period, the last of the run, tells of the whole: its key.
    """
    own = {"rows recorded in the period": dg.MetadataValue.int(n_recorded)}
    if last is not None:
        return {**own, **_told_with(last, report.version)}
    return {
        **own,
        "days of the whole run": text(report.window),
        "rows delivered to the whole run": dg.MetadataValue.int(report.n_rows),
        "new in the whole run": dg.MetadataValue.int(report.n_added),
        "changed in the whole run": dg.MetadataValue.int(report.n_changed),
        "withdrawn in the whole run": dg.MetadataValue.int(report.n_withdrawn),
        "table changed": dg.MetadataValue.bool(report.written),
        "table version": dg.MetadataValue.int(report.version),
        "content hash": _short(report.content_hash),
        "warnings": dg.MetadataValue.md(_bullets(report.warnings) or "none"),
    }


def describe_features(report: FeatureReport, n_rows: int, last: str | None = None) -> Metadata:
    """Rows of the period, and what the computation it was part of did as a whole, as in `describe_ingest`."""
    own = {"rows of the period": dg.MetadataValue.int(n_rows)}
    if last is not None:
        return {**own, **_told_with(last, report.version)}
    missing = ", ".join(f"{name} {share:.1%}" for name, share in report.null_share.items())
    return {
        **own,
        "days of the whole run": text(report.window),
        "rows computed in the whole run": dg.MetadataValue.int(report.n_rows),
        "table changed": dg.MetadataValue.bool(report.written),
        "carried forward to": text(str(report.recomputed_through or "not needed")),
        "table version": dg.MetadataValue.int(report.version),
        "content hash": _short(report.content_hash),
        "missing values in the whole run": text(missing or "none"),
    }


def _told_with(last: str, version: int) -> Metadata:
    """Dagster stores these words once a period: what the run did as a whole is not said five hundred times."""
    return {
        "the whole run": text(f"told with its last period, {last}"),
        "table version": dg.MetadataValue.int(version),
    }


def describe_holdout(holdout: HoldoutSet) -> Metadata:
    """Windows, counts and pins of a holdout."""
    windows = holdout.windows
    return {
        "as of": text(windows.as_of),
        "training window": text(windows.training),
        "gap": text(windows.gap),
        "holdout window": text(windows.holdout),
        "rows": dg.MetadataValue.int(holdout.n_rows),
        "cells": dg.MetadataValue.int(holdout.n_cells),
        "fires": dg.MetadataValue.int(holdout.n_fires),
        "content hash": _short(holdout.content_hash),
        "knowledge": text(holdout.snapshot.knowledge),
        "table versions": dg.MetadataValue.json(dict(holdout.snapshot.table_versions)),
    }


def describe_candidate(candidate: Candidate, run_page: str, *, with_run: bool = True) -> Metadata:
    """What a candidate was made of, and where its run is; where asked for also what all of a run have in common."""
    figures = numbers({name.replace("_", " "): value for name, value in candidate.metrics.items()})
    return {
        "candidate": text(candidate.candidate_id),
        "recipe": dg.MetadataValue.json(candidate.recipe.model_dump(mode="json")),
        **({"competition": competition_table(candidate)} if with_run or candidate.competition else {}),
        "training window": text(candidate.windows.training),
        "training rows": dg.MetadataValue.int(candidate.n_rows),
        "training fires": dg.MetadataValue.int(candidate.n_fires),
        **figures,
        "training hash": _short(candidate.training_hash),
        "prediction hash": _short(candidate.prediction_hash),
        "artifact SHA-256": _short(candidate.stored.artifact_sha256),
        **(_describe_making(candidate) if with_run else {}),
        "MLflow run": dg.MetadataValue.url(run_page),
    }


def _describe_making(candidate: Candidate) -> Metadata:
    return {
        "seed": dg.MetadataValue.int(candidate.seed),
        "threads": dg.MetadataValue.int(candidate.environment.n_threads),
        "code version": _short(candidate.environment.code_version),
    }


def describe_adjudication(adjudication: Adjudication) -> Metadata:
    """The decision as one sentence and in figures; says REPLAY where it is one."""
    payload = adjudication.payload
    decision, comparison = payload.decision, payload.decision.comparison
    shares = {
        "relative gain, %": comparison.relative_gain,
        "interval low, %": comparison.interval_low,
        "interval high, %": comparison.interval_high,
        "bootstrap low, %": comparison.bootstrap_low,
        "bootstrap high, %": comparison.bootstrap_high,
        "skill against climatology, %": skill_of_production(payload.evidence),
    }
    replay, said = adjudication.standing is Standing.REPLAY, payload.summary
    return {
        "decision": text(f"REPLAY — {said}" if replay else said),
        "standing": text(adjudication.standing.upper()),
        "outcome": text(decision.outcome),
        "reason": text(decision.reason_code),
        **numbers({name: 100 * share for name, share in shares.items()}, digits=PERCENT_DIGITS),
        **numbers({"e-value": comparison.e_value}, digits=PERCENT_DIGITS),
        "windows": dg.MetadataValue.int(comparison.n_windows),
        "blocks": dg.MetadataValue.int(comparison.n_blocks),
        "fires": dg.MetadataValue.int(comparison.n_fires),
        "windows left out": text(_listed(payload.dropped)),
        "guardrails": guardrail_table(payload),
        "models on the newest window": quality_table(payload),
        "alerts": dg.MetadataValue.md(_bullets(decision.alerts) or "none"),
        **describe_attribution(payload),
        "ledger row": dg.MetadataValue.int(adjudication.entry.sequence),
        "decision id": text(adjudication.entry.decision_id),
        **({"differences to the original": difference_table(payload)} if replay else {}),
    }


def describe_attribution(payload: DecisionPayload) -> Metadata:
    """How much of a promoted candidate's gain is newer data, how much the recipe."""
    found = payload.attribution
    if found is None:
        return {}
    shares = {"gain from newer data, %": found.from_data, "gain from the recipe, %": found.from_recipe}
    return numbers({name: 100 * share for name, share in shares.items()}, digits=PERCENT_DIGITS)


def competition_table(candidate: Candidate) -> dg.MetadataValue:
    """One row per recipe or trial the candidate was chosen among."""
    rows = [
        {
            "recipe": score.recipe.name,
            "chosen": "yes" if score.recipe == candidate.recipe else "",
            "inner log loss": _figure(score.log_loss, ".6f"),
            "inner window": str(score.window),
        }
        for score in candidate.competition
    ]
    return table(rows) if rows else text("one recipe, nothing to choose")


def guardrail_table(payload: DecisionPayload) -> dg.MetadataValue:
    """One row per guardrail: verdict, value, limit, words."""
    rows = [
        {
            "guardrail": str(finding.code),
            "verdict": "passed" if finding.passed else "FAILED",
            **describe_guardrail(finding, payload.evidence)._asdict(),
            "what": finding.sentence,
        }
        for finding in payload.guardrails
    ]
    return table(rows) if rows else text("no guardrail was looked at")


def quality_table(payload: DecisionPayload) -> dg.MetadataValue:
    """One row per number, one column per model."""
    names = list(dict.fromkeys(name for figures in payload.quality.values() for name in figures))
    rows = [
        {
            "": name.replace("_", " "),
            **{model: _figure(figures.get(name, math.nan), ".4f") for model, figures in payload.quality.items()},
        }
        for name in names
    ]
    return table(rows)


def difference_table(payload: DecisionPayload) -> dg.MetadataValue:
    """One row per difference between a replay and its original."""
    found = payload.differences or ()
    rows = [{"what": one.what, "original": one.original, "replay": one.replay} for one in found]
    return table(rows) if rows else text(describe_differences(payload))


def table(rows: Sequence[Mapping[str, str]]) -> dg.MetadataValue:
    """Rows of the same columns, all of them texts, as the UI shows a table at once."""
    schema = dg.TableSchema([dg.TableColumn(name, "text") for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema)


def _figure(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "—"


def skill_of_production(evidence: WindowEvidence) -> float:
    """One minus the loss of the model in production over climatology's, on one window."""
    loss = sum(evidence.loss_champion) if evidence.loss_champion else sum(evidence.loss_challenger)
    baseline = sum(evidence.loss_climatology)
    return 1 - quotient(loss, baseline)


def number(value: float, digits: int = 6) -> dg.MetadataValue:
    """A number that the UI can plot; where there is none, words that say so."""
    return dg.MetadataValue.float(round(float(value), digits)) if math.isfinite(value) else text("not available")


def numbers(figures: Mapping[str, float], digits: int = 6) -> Metadata:
    """The figures that there are; a row that can say nothing is left out."""
    return {name: number(value, digits) for name, value in figures.items() if math.isfinite(value)}


def mlflow_page(settings: Settings, path: str) -> str:
    """Address of a page of the MLflow UI, without user and password, in the view of trainings."""
    uri = redact(settings.tracking_uri).replace(f"{REDACTED}@", "")
    base = uri if uri.startswith("http") else f"http://{settings.host}:{settings.mlflow_port}"
    return f"{base.rstrip('/')}/{path}{TRAINING_VIEW}"


def dagster_run_page(settings: Settings, run_id: str) -> str:
    """Address of a run's page in the Dagster UI that `up` serves."""
    return f"http://{settings.host}:{settings.dagster_port}/runs/{run_id}"


def text(value: object) -> dg.MetadataValue:
    """Words; a member of an enumeration as its plain text."""
    return dg.MetadataValue.text(str(value))


def _short(digest: str) -> dg.MetadataValue:
    return text(digest[:SHORT_HASH])


def _bullets(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _listed(dropped: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {reason}" for key, reason in dropped.items()) or "none"


def _type_name(field: pa.Field) -> str:
    return TYPE_NAMES.get(str(field.type), "instant" if pa.types.is_timestamp(field.type) else str(field.type))


def _describe(field: pa.Field) -> str:
    notes = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    unit = notes.get("unit", "")
    return notes.get("description", "") + (f" [{unit}]" if unit else "")
