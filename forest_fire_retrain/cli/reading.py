"""Commands that only read: from the ledger's lock-free copy, so that they never block a writer.

They import neither pandas, SciPy, scikit-learn nor Dagster: whoever is on call at night does not wait for those.
"""

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.cli.asking import NOTHING_YET
from forest_fire_retrain.cli.console import out, print_json, print_table
from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.ledger.decision_payload import read_evidence
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.replays import say_summaries
from forest_fire_retrain.core.ledger.retrainings import list_retrainings
from forest_fire_retrain.core.ledger.shadow_times import list_ended, shadow_until_of
from forest_fire_retrain.production import refuse_unknown_model
from forest_fire_retrain.settings import Settings

ORDERED = (EntryKind.SHADOW, EntryKind.SHADOW_ENDED)
NO_SHADOWS = "No row of the ledger is about a shadow. Former champions grow cold without one (FOREST_FIRE_WARM_DAYS)."


def print_retrainings(settings: Settings, model_name: str | None, *, as_json: bool) -> None:
    """One row per retraining: the article's table, with partition, outcome and reason beside it."""
    rows = [retraining._asdict() for retraining in list_retrainings(_read_chosen(settings, model_name))]
    if as_json:
        print_json(rows)
    elif rows:
        print_table("Retrainings, oldest first", list(rows[0]), [list(row.values()) for row in rows])
    else:
        out.print(NOTHING_YET)


def print_events(settings: Settings, model_name: str | None, *, as_json: bool) -> None:
    """Every row of the ledger."""
    _print_rows("Ledger, oldest first", _read_chosen(settings, model_name), as_json=as_json)


def print_shadows(settings: Settings, model_name: str | None, *, as_json: bool) -> None:
    """Every row by which a candidate became a shadow, or was none any more."""
    entries = _read_chosen(settings, model_name)
    ended = {row.sequence for row in list_ended(entries).values()}
    rows = [row for row in entries if row.kind in ORDERED or row.sequence in ended or shadow_until_of(row) is not None]
    if rows or as_json:
        _print_rows("Shadows, oldest first", rows, as_json=as_json)
    else:
        out.print(NO_SHADOWS)


def _print_rows(title: str, entries: list[LedgerEntry], *, as_json: bool) -> None:
    entries = [
        entry.model_copy(update={"summary": said}) for entry, said in zip(entries, say_summaries(entries), strict=True)
    ]
    if as_json:
        print_json([entry.model_dump(mode="json", exclude={"payload_json"}) for entry in entries])
        return
    columns = ("row", "kind", "partition", "recorded_at", "trigger", "actor", "what")
    print_table(
        title,
        columns,
        [(e.sequence, e.kind, e.partition_key, e.recorded_at, e.trigger, e.actor, e.summary) for e in entries],
    )


def print_skill(settings: Settings, *, as_json: bool) -> None:
    """Loss of the model in production against climatology, per year of its holdout windows."""
    decisions = (row for row in _read(settings, settings.model_name) if row.kind is EntryKind.DECISION)
    judged = leave_out_shared(window for window in map(read_evidence, decisions) if window.loss_champion)
    years = sorted({window.window.start.year for window in judged})
    rows = [_skill_row(year, [window for window in judged if window.window.start.year == year]) for year in years]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            "Production against climatology, by year of the holdout", list(rows[0]), [list(r.values()) for r in rows]
        )
    else:
        out.print(NOTHING_YET)


def _skill_row(year: int, windows: list[WindowEvidence]) -> dict[str, object]:
    n_rows = sum(window.n_rows for window in windows)
    production = sum(sum(window.loss_champion) for window in windows)
    climatology = sum(sum(window.loss_climatology) for window in windows)
    return {
        "year": year,
        "windows": len(windows),
        "fires": sum(window.n_fires for window in windows),
        "production_loss": round(production / n_rows, 6),
        "climatology_loss": round(climatology / n_rows, 6),
        "skill": round(1 - production / climatology, 4),
    }


def _read_chosen(settings: Settings, model_name: str | None) -> list[LedgerEntry]:
    """All rows, or those of a model that somebody named."""
    entries = read_export(settings.export_folder)
    if model_name is not None:
        refuse_unknown_model(model_name, sorted({entry.model_name for entry in entries}))
    return [entry for entry in entries if model_name in (None, entry.model_name)]


def _read(settings: Settings, model_name: str) -> list[LedgerEntry]:
    entries = read_export(settings.export_folder)
    return [entry for entry in entries if entry.model_name == model_name]
