"""The page of a decision, as it is when the decision falls: everything that a person is shown, in one HTML file.

Rules
-----
- The same decision gives the same bytes: no clock, no link, no script, no font or picture from elsewhere.
- The page is made before the row is written, and the row holds its SHA-256: a page that is made later is another one.
- Nothing hangs on the order of a mapping, which JSON does not keep.
- It can be made again from the row alone, as long as this module is not changed; whoever changes what it writes raises
  `PAGE_VERSION`.
- Every text is escaped: a reason or a name that looks like HTML is shown as it is written.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.ledger.replays import NO_ORIGINAL

PAGE_VERSION = 1
NOTHING = "\u2014"
STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{border:1px solid #ccc;padding:.25em .6em;"
    "text-align:left;vertical-align:top}td:last-child{overflow-wrap:anywhere}th{background:#f3f3f3}"
    ".said{font-size:1.15em;border-left:4px solid #888;padding-left:.8em}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Facts = Mapping[str, object]


def render_decision_page(draft: EntryDraft, payload: DecisionPayload) -> str:
    """The page of a decision or replay, as HTML.

    Parameters
    ----------
    draft : EntryDraft
        The row without the page's hash; its payload is not looked at.
    payload : DecisionPayload
        What the row embeds.
    """
    replay = draft.kind is EntryKind.REPLAY
    decision, windows = payload.decision, payload.holdout.windows
    title = f"{'REPLAY of the' if replay else 'The'} decision of {windows.partition_key} for {draft.model_name}"
    if payload.after_shadow is not None:
        title = f"The verdict on the shadow time of the candidate of {draft.partition_key} for {draft.model_name}"
    sections = [
        f'<p class="said">{escape(draft.summary)}</p>',
        *([f"<p>{escape(decision.sentence)}</p>"] if replay else []),
        render_facts("The decision", _describe_decision(draft, payload)),
        *_describe_alarm(payload),
        render_facts("Candidate against champion, on rows that neither has seen", _describe_comparison(payload)),
        render_table("The models on the newest window", *_tabulate_quality(payload)),
        render_table("Guardrails", ("guardrail", "verdict", "value", "limit", "what"), _list_guardrails(payload)),
        render_facts("Windows", _describe_windows(payload)),
        render_facts("What was known", _describe_knowledge(payload)),
        render_facts("The candidate", _describe_candidate(payload)),
        render_facts("Its figures", dict(sorted(payload.candidate.metrics.items()))),
        render_facts("Where it was trained", _describe_environment(payload)),
        render_facts("The champion that it was held against", _describe_champion(payload)),
        render_table("What a person should look at", ("alert",), [(alert,) for alert in decision.alerts]),
        *_describe_replay(payload, is_replay=replay),
        render_facts("The rule's thresholds", payload.rule.model_dump(mode="json")),
    ]
    return render_page(title, sections, f"decision page {PAGE_VERSION}")


def render_page(title: str, sections: Iterable[str], kind: str) -> str:
    """A whole page around sections that are HTML already.

    Parameters
    ----------
    title : str
        Its title, as plain text.
    sections : iterable of str
        HTML, in its order.
    kind : str
        What made it.
    """
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="generator" content="forest-fire-retrain {escape(kind)}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
    )
    body = "\n".join([f"<h1>{escape(title)}</h1>", *sections])
    return f"{head}<body>\n{body}\n</body>\n</html>\n"


def render_facts(title: str, facts: Facts) -> str:
    """A heading and a table of names and values; plain texts in, HTML out."""
    rows = "\n".join(f"<tr><th>{escape(str(name))}</th><td>{_show(value)}</td></tr>" for name, value in facts.items())
    return f"<h2>{escape(title)}</h2>\n<table>\n{rows or f'<tr><td>{NOTHING}</td></tr>'}\n</table>"


def render_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A heading and a table with a row of column names; plain texts in, HTML out."""
    if not rows:
        return f"<h2>{escape(title)}</h2>\n<p>none</p>"
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{''.join(f'<td>{_show(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2>\n<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _show(value: object) -> str:
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return _figure(value)
        case list() | tuple():
            return escape(", ".join(str(item) for item in value)) or "none"
        case Mapping():
            return escape(", ".join(f"{name} {item}" for name, item in sorted(value.items()))) or "none"
        case _:
            return escape(str(value)) or NOTHING


def _figure(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else NOTHING


def _percent(share: float) -> str:
    return f"{share:+.2%}" if math.isfinite(share) else NOTHING


def _interval(low: float, high: float) -> str:
    return f"{_percent(low)} to {_percent(high)}"


def _describe_decision(draft: EntryDraft, payload: DecisionPayload) -> Facts:
    return {
        "outcome": str(payload.decision.outcome),
        "reason": str(payload.decision.reason_code),
        "decided at (UTC)": f"{draft.recorded_at:%Y-%m-%d %H:%M:%S}",
        "by": f"{draft.actor}, through {draft.trigger}",
        "version in production before": draft.champion_before,
        "days since the end of the champion's training": payload.decision.champion_age_days,
        "decision id": draft.decision_id,
        "idempotency key": draft.idempotency_key,
        "Dagster run": draft.dagster_run_id,
        "MLflow run": draft.mlflow_run_id,
    }


def _describe_alarm(payload: DecisionPayload) -> list[str]:
    """What asked for an active period; the pages of all others are as they were before there were any."""
    alarm = payload.alarm
    if alarm is None:
        return []
    facts = {
        "version that was looked at": alarm.version,
        "looked at (UTC)": f"{alarm.looked_at:%Y-%m-%d %H:%M:%S}",
        "the change began in the week from": str(alarm.change),
        "chart": alarm.chart,
        "limit of the chart": alarm.limit,
        "what was said": alarm.said,
    }
    return [render_facts("The alarm that asked for it", facts)]


def _describe_comparison(payload: DecisionPayload) -> Facts:
    found, confidence = payload.decision.comparison, f"{100 * payload.rule.interval_confidence:.4g}%"
    return {
        "against": "climatology" if payload.champion is None else f"version {payload.champion.version}",
        "metric": str(payload.rule.metric),
        "relative gain": _percent(found.relative_gain),
        f"{confidence} interval (t)": _interval(found.interval_low, found.interval_high),
        f"{confidence} interval (bootstrap)": _interval(found.bootstrap_low, found.bootstrap_high),
        "e-value": found.e_value,
        "gain per block": found.mean_gain,
        "loss of the opponent per block": found.champion_loss,
        "gain of the newest candidates on their own windows, per block": found.own_gain,
        "its upper bound": found.own_upper,
        "windows": found.n_windows,
        "blocks": found.n_blocks,
        "fires": found.n_fires,
        "gain of each block, oldest first": [_figure(gain) for gain in found.block_gains],
    }


def _tabulate_quality(payload: DecisionPayload) -> tuple[Sequence[str], list[list[object]]]:
    models = sorted(payload.quality)
    names = sorted({name for figures in payload.quality.values() for name in figures})
    rows = [
        [name.replace("_", " "), *(payload.quality[model].get(name, math.nan) for model in models)] for name in names
    ]
    return ("", *models), rows


def _list_guardrails(payload: DecisionPayload) -> list[list[object]]:
    return [
        [str(seen.code), "passed" if seen.passed else "FAILED", seen.value, seen.limit, seen.sentence]
        for seen in payload.guardrails
    ]


def _describe_windows(payload: DecisionPayload) -> Facts:
    windows, holdout = payload.holdout.windows, payload.holdout
    return {
        "period": windows.partition.half_open,
        "as of": str(windows.as_of),
        "training": windows.training.half_open,
        "gap": windows.gap.half_open,
        "holdout": windows.holdout.half_open,
        "cell-days of the holdout": holdout.n_rows,
        "cells": holdout.n_cells,
        "fires": holdout.n_fires,
        "SHA-256 of its rows": holdout.content_hash,
        "earlier windows in use": payload.used_partitions,
        "windows left out": [f"{key}: {reason}" for key, reason in sorted(payload.dropped.items())],
        "labels of the newest window are suspect": payload.evidence.labels_are_suspect,
        "weather feed is silent": payload.evidence.feed_is_silent,
    }


def _describe_knowledge(payload: DecisionPayload) -> Facts:
    taken = payload.holdout.snapshot
    return {
        "by the rule": str(taken.knowledge),
        "rows recorded before (UTC)": f"{taken.known_at:%Y-%m-%d %H:%M:%S}",
        "time zone of the days": taken.time_zone,
        "table versions": taken.table_versions,
    }


def _describe_candidate(payload: DecisionPayload) -> Facts:
    made = payload.candidate
    return {
        "candidate": made.candidate_id,
        "recipe": f"{made.recipe.name} ({made.recipe.estimator})",
        "parameters": made.recipe.parameters,
        "seed": made.seed,
        "training cell-days": made.n_rows,
        "training fires": made.n_fires,
        "SHA-256 of the training rows": made.training_hash,
        "SHA-256 of its probabilities on the holdout": payload.prediction_hash,
        "SHA-256 of the stored model": made.stored.artifact_sha256,
        "stored as": made.stored.model_uri,
        "chosen among": [f"{score.recipe.name} {score.log_loss:.6f}" for score in made.competition],
        "gain from newer data": None if payload.attribution is None else payload.attribution.from_data,
        "gain from the recipe": None if payload.attribution is None else payload.attribution.from_recipe,
    }


def _describe_environment(payload: DecisionPayload) -> Facts:
    where = payload.candidate.environment
    return {
        "Python": where.python_version,
        "packages": where.package_versions,
        "code version": where.code_version,
        "threads": where.n_threads,
    }


def _describe_champion(payload: DecisionPayload) -> Facts:
    facts = payload.champion
    if facts is None:
        return {"champion": "none; climatology stands in its place"}
    return {
        "version": facts.version,
        "candidate": facts.candidate_id,
        "first day it has not seen": str(facts.training_cutoff),
        "SHA-256 of its training rows": facts.training_hash,
        "SHA-256 of its probabilities on the holdout": facts.prediction_hash,
        "trained on suspect labels": facts.is_tainted,
        "promoted for": None if facts.promoted_for is None else str(facts.promoted_for),
        "could not be scored": facts.fault,
    }


def _describe_replay(payload: DecisionPayload, *, is_replay: bool) -> list[str]:
    if not is_replay:
        return []
    title = "What differs from the original"
    if payload.differences is None:
        return [f"<h2>{title}</h2>\n<p>{NO_ORIGINAL}</p>"]
    rows = [(found.what, found.original, found.replay) for found in payload.differences]
    return [render_table(title, ("what", "original", "replay"), rows)]
