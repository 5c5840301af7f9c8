"""The model card: what a version is, how good it is and what it is not for, from its decision's row alone.

It is the version's description in the registry, and can be made again at any time from the ledger.
"""

import math
from collections.abc import Iterable, Sequence

from forest_fire_retrain.core.decision.skill import skill_against_climatology
from forest_fire_retrain.core.decision.wording import counted, figure, percent
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.losses import MIN_PROBABILITY

LONGEST_CARD = 5_000
"""Characters that MLflow's databases keep of a version's description."""
CUT = "\n\n… cut here: the ledger's row is whole."
QUALITY = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "roc_auc": "area under ROC",
    "average_precision": "average precision",
    "recall_at_budget": "fires in the patrol budget's cell-days",
    "calibration_intercept": "calibration intercept (0 is right)",
    "calibration_slope": "calibration slope (1 is right)",
}
MODELS = ("candidate", "champion", "climatology")
MOST_MISSING = 5


def model_card(entry: LedgerEntry) -> str:
    """The card, in Markdown, of the candidate that a decision judged; the same row gives the same text.

    Parameters
    ----------
    entry : LedgerEntry
        A decision's row.
    """
    payload = read_payload(entry)
    decided_at = entry.recorded_at.isoformat(timespec="seconds")
    parts = [
        f"# {_plain(entry.model_name)}, candidate of {entry.partition_key}",
        f"Probability that a forest fire starts, per cell and day. Decided at {decided_at}: {_plain(entry.summary)}",
        "## Data",
        *_table(("what", "value"), _describe_data(payload)),
        "## How good it is",
        _describe_skill(payload),
        *_table(("on the holdout window", *MODELS), _compare_quality(payload)),
        "## Guardrails",
        "\n".join(_describe_guardrails(payload)),
        "## Limits of use",
        "\n".join(f"- {limit}" for limit in _name_limits(payload)),
        "## How to load it",
        _describe_loading(entry, payload),
    ]
    card = "\n\n".join(parts)
    return card if len(card) <= LONGEST_CARD else card[: LONGEST_CARD - len(CUT)] + CUT


def _describe_data(payload: DecisionPayload) -> list[tuple[str, str]]:
    holdout, candidate = payload.holdout, payload.candidate
    snapshot, windows = candidate.snapshot, candidate.windows
    versions = ", ".join(f"{name} {version}" for name, version in sorted(snapshot.table_versions.items()))
    return [
        ("source", snapshot.source or "not recorded"),
        ("park", f"{counted(holdout.n_cells, 'cell')}, days of {snapshot.time_zone}"),
        (
            "trained on",
            f"{windows.training.first_to_last}: {candidate.n_rows} cell-days, {candidate.n_fires} with a fire start",
        ),
        (
            "judged on",
            f"{windows.holdout.first_to_last}: {holdout.n_rows} cell-days, {holdout.n_fires} with a fire start",
        ),
        ("known", f"what was recorded before {snapshot.known_at.isoformat(timespec='seconds')}"),
        ("table versions", versions),
        ("recipe", f"{candidate.recipe.name} ({candidate.recipe.estimator}), seed {candidate.seed}"),
        ("training rows, SHA-256", candidate.training_hash),
        ("holdout rows, SHA-256", holdout.content_hash),
        ("model file, SHA-256", candidate.stored.artifact_sha256),
        ("code version", candidate.environment.code_version),
    ]


def _describe_skill(payload: DecisionPayload) -> str:
    window = payload.evidence
    skill = skill_against_climatology(window, payload.rule.block_days)
    blocks = counted(skill.n_blocks, "day") if skill.block_days == 1 else f"{skill.n_blocks} x {skill.block_days} days"
    interval = f"95% interval {percent(skill.low)} to {percent(skill.high)} from {blocks}"
    if math.isnan(skill.low):
        interval = f"no interval can be given from {blocks}"
    alike = ", which are alike, so that the truth may lie farther out" if skill.block_days == 1 else ""
    expected, metric = sum(window.expected_challenger), str(window.metric).replace("_", " ")
    return (
        f"Skill against climatology, in {metric}: {_unless_nan(skill.value)} ({interval}{alike}). "
        f"Calibration: {figure(expected, digits=1)} fires expected, {window.n_fires} happened."
    )


def _compare_quality(payload: DecisionPayload) -> list[tuple[str, ...]]:
    quality = payload.quality
    return [
        (words, *(_shown(quality.get(model, {}).get(name)) for model in MODELS))
        for name, words in QUALITY.items()
        if any(name in quality.get(model, {}) for model in MODELS)
    ]


def _describe_guardrails(payload: DecisionPayload) -> list[str]:
    return [
        f"- {'passed' if found.passed else '**failed**'}, {found.code}: {_plain(found.sentence)}"
        for found in payload.guardrails
    ] or ["- none looked at it"]


def _name_limits(payload: DecisionPayload) -> list[str]:
    candidate, window = payload.candidate, payload.evidence
    limits = [
        f"For days from {candidate.windows.training.end} on: earlier days are among those it was trained on.",
        "For the park's own cells, and features as docs/features.md defines them; nothing says how it does elsewhere.",
        f"Recorded fire starts per cell and day, not burned area and not spread; stated from {MIN_PROBABILITY:g} up.",
        "Ignitions that nothing in weather, season and place announces are not foreseen.",
    ]
    sparse = {name: share for name, share in candidate.null_share.items() if share > 0}
    if sparse:
        most = sorted(sparse, key=lambda name: (-sparse[name], name))[:MOST_MISSING]
        limits.append("Missing in training: " + ", ".join(f"{name} {percent(sparse[name], sign='')}" for name in most))
    if window.challenger_is_tainted:
        limits.append("It was trained on days whose fire reports were doubted.")
    if window.labels_are_suspect:
        limits.append("The fire reports of the holdout window were doubted.")
    if window.feed_is_silent:
        limits.append("The weather feed was silent in the holdout window: the figures above say little.")
    return [*limits, *(_plain(alert) for alert in payload.decision.alerts)]


def _describe_loading(entry: LedgerEntry, payload: DecisionPayload) -> str:
    name = entry.model_name
    return (
        "With N for this version's number; the file's SHA-256 is proved before anything is loaded:\n\n"
        "```python\n"
        "from forest_fire_retrain import get_model\n\n"
        f'model = get_model(version=N, model_name="{name}")\n'
        "probabilities = model.score(rows)  # rows: a DataFrame with model.feature_names\n"
        "```\n\n"
        f"Train it again and compare: `forest-fire reproduce {payload.candidate.windows.partition_key}`. "
        f"Ledger row {entry.sequence}, decision {entry.decision_id}."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as one part of the card; none without rows."""
    lines = ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in rows]
    return ["\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])] if lines else []


def _plain(text: str) -> str:
    """Text on one line that a table, a link or a tag of Markdown cannot begin in."""
    words = " ".join(text.split()).replace("\\", "\\\\").replace("<", "&lt;").replace("](", "]\\(")
    for letter in "|`*":
        words = words.replace(letter, f"\\{letter}")
    return words


def _shown(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"


def _unless_nan(share: float) -> str:
    return "not defined" if math.isnan(share) else percent(share)
