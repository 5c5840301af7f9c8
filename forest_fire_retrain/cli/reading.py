"""Commands that only read: from the ledger's lock-free copy, so that they never block a writer.

They import neither pandas, SciPy, scikit-learn nor Dagster: whoever is on call at night does not wait for those.
"""

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.cli.asking import NOTHING_YET
from forest_fire_retrain.cli.console import out, print_facts, print_json, print_table
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.decision.label_gate import count_of
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.ledger.decision_payload import read_evidence, read_flagged
from forest_fire_retrain.core.ledger.due_periods import list_passed_over, list_waiting
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.replays import say_summaries
from forest_fire_retrain.core.ledger.retrainings import list_retrainings
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.periods import key_of
from forest_fire_retrain.core.records import INGEST_KIND, IngestReport
from forest_fire_retrain.core.serving.log_notes import LOG_TABLE, LastLive, read_last_live
from forest_fire_retrain.production import refuse_unknown_model
from forest_fire_retrain.settings import Settings

MAX_NAMED = 5
INGESTED = ("weather", "fires")


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
    entries = _read_chosen(settings, model_name)
    entries = [
        entry.model_copy(update={"summary": said}) for entry, said in zip(entries, say_summaries(entries), strict=True)
    ]
    if as_json:
        print_json([entry.model_dump(mode="json", exclude={"payload_json"}) for entry in entries])
        return
    columns = ("row", "kind", "partition", "recorded_at", "trigger", "actor", "what")
    print_table(
        "Ledger, oldest first",
        columns,
        [(e.sequence, e.kind, e.partition_key, e.recorded_at, e.trigger, e.actor, e.summary) for e in entries],
    )


def print_skill(settings: Settings, *, as_json: bool) -> None:
    """Loss of the model in production against climatology, per year of its holdout windows."""
    decisions = (row for row in _read(settings, settings.model_name) if row.kind is EntryKind.DECISION)
    judged = [window for window in map(read_evidence, decisions) if window.loss_champion]
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


def print_status(settings: Settings, *, as_json: bool) -> None:
    """What is decided, what is waiting, and where everything lies."""
    state = fold(_read(settings, settings.model_name))
    newest, last = state.newest_partition, state.last_decision
    closed = settings.periods.closed(read_clock())
    alerts = [] if last is None else list(last.payload["decision"]["alerts"])  # type: ignore[index] # as written
    predicted = _read_last_live(settings)
    if predicted is not None:
        alerts += predicted.describe_alert(settings.max_share_without_weather)
    facts: dict[str, object] = {
        "model": settings.model_name,
        "champion": state.champion,
        "last decided": newest,
        "last decision": None if last is None else last.summary,
        "alerts": alerts,
        "doubted labels": describe_doubts(state),
        "data warnings": [] if newest is None else _read_data_warnings(settings, newest),
        "undecided": [key_of(period) for period in (list_waiting(state, closed) if state.decisions else closed)],
        "passed over": [key_of(period) for period in list_passed_over(state, closed)],
        "last predicted day": "none" if predicted is None else predicted.day,
        "frozen until": state.frozen_until,
        "open intent": None if state.open_intent is None else state.open_intent.summary,
        "registry": "agrees" if state.meddling is None else state.meddling.summary,
        "time zone": settings.time_zone,
        "source": f"{settings.source} {settings.data or ''}".strip(),
        "home": settings.home,
        "ledger": settings.ledger_file,
        "MLflow": settings.tracking_uri if "@" not in settings.tracking_uri else "(address with credentials)",
    }
    if as_json:
        print_json(facts)
        return
    counted = {name: _count(keys) for name, keys in facts.items() if name in ("undecided", "passed over")}
    print_facts("Status", {**facts, **counted})


def _read_last_live(settings: Settings) -> LastLive | None:
    """The newest day that was predicted live on the day itself."""
    if settings.lake_uri is None and not (settings.home / "lake" / LOG_TABLE).is_dir():
        return None
    from forest_fire_retrain.adapters.lake_notes import newest_notes  # noqa: PLC0415 - imports deltalake

    return read_last_live(newest_notes(settings.lake_root, LOG_TABLE))


def _read_data_warnings(settings: Settings, partition_key: str) -> list[str]:
    """What the ingests for a period said that the department has to live with; none where nothing was kept."""
    records = RecordFiles(settings.records_folder)
    texts = (records.newest(INGEST_KIND.format(table=table), partition_key) for table in INGESTED)
    return [said for text in texts if text is not None for said in IngestReport.model_validate_json(text).warnings]


def _count(keys: object) -> str:
    """How many periods, and the first of them by name."""
    assert isinstance(keys, list)  # noqa: S101 - a list of keys, see `print_status`
    if not keys:
        return "none"
    shown = ", ".join(keys[:MAX_NAMED]) + (" …" if len(keys) > MAX_NAMED else "")
    return f"{len(keys)} {'period' if len(keys) == 1 else 'periods'}: {shown}"


def describe_doubts(state: LedgerState) -> list[str]:
    """Flagged windows that nobody has vouched for, as long as what is trained now is tainted by one of them."""
    evidence = None if state.last_decision is None else read_evidence(state.last_decision)
    if evidence is None or not (evidence.challenger_is_tainted or evidence.labels_are_suspect):
        return []
    remedy = "if the reports are complete: forest-fire clear-labels"
    return [f"{count_of(window).window}, {remedy}" for window in read_flagged(state.decisions.values(), state.cleared)]


def _read_chosen(settings: Settings, model_name: str | None) -> list[LedgerEntry]:
    """All rows, or those of a model that somebody named."""
    entries = read_export(settings.export_folder)
    if model_name is not None:
        refuse_unknown_model(model_name, sorted({entry.model_name for entry in entries}))
    return [entry for entry in entries if model_name in (None, entry.model_name)]


def _read(settings: Settings, model_name: str) -> list[LedgerEntry]:
    entries = read_export(settings.export_folder)
    return [entry for entry in entries if entry.model_name == model_name]
