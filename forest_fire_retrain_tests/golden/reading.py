"""What is read out of a home: as `making` writes it down, and as the tests read it again.

Every value is plain JSON, so that what was expected by the code that made the home can be compared with what the code
of today reads.
"""

from collections.abc import Iterator

import pyarrow as pa

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.adapters.mlflow_connection import connect
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState, fold
from forest_fire_retrain.core.models.model_rows import predict
from forest_fire_retrain.core.records import Candidate, HoldoutSet, Record
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.installation import Installation, build_installation
from forest_fire_retrain.pipeline.custody.rolling_back import previous_version
from forest_fire_retrain.pipeline.preparing.reading_rows import read_holdout
from forest_fire_retrain.settings import Settings

RECORD_TYPES: dict[str, type[Record]] = {"holdout_set": HoldoutSet, "candidate_model": Candidate}
N_PROBABILITIES = 12


def read_all(settings: Settings) -> dict[str, object]:
    """Everything at once."""
    installation = build_installation(settings)
    entries = installation.ledger.entries()
    return {
        "rows": read_rows(entries),
        "rows_of_the_copy": read_rows(read_export(settings.export_folder)),
        "decisions": read_decisions(entries),
        "state": read_state(fold(entries)),
        "registry": read_registry(installation),
        "models": read_models(installation, fold(entries)),
        "lake": read_lake(installation, entries),
        "records": read_records(settings),
    }


def read_rows(entries: list[LedgerEntry]) -> list[dict[str, object]]:
    """Place, kind, summary and hash of every row."""
    return [entry.model_dump(mode="json", include={"sequence", "kind", "summary", "entry_hash"}) for entry in entries]


def read_decisions(entries: list[LedgerEntry]) -> dict[str, dict[str, str]]:
    """Verdict of every live decision, by partition."""
    return {
        str(entry.partition_key): {
            "outcome": payload.decision.outcome,
            "reason": payload.decision.reason_code,
            "sentence": payload.decision.sentence,
        }
        for entry, payload in live_decisions(entries)
    }


def live_decisions(entries: list[LedgerEntry]) -> list[tuple[LedgerEntry, DecisionPayload]]:
    """Rows of live decisions with what they embed."""
    return [(entry, read_payload(entry)) for entry in entries if entry.kind is EntryKind.DECISION]


def read_state(state: LedgerState) -> dict[str, object]:
    """What the rows come to: reigns, champion, whom a rollback would take, what is quarantined and vouched for."""
    names = ("version", "decision_id", "as_of", "since", "until")
    reigns = [{name: _text(getattr(reign, name)) for name in names} for reign in state.reigns]
    return {
        "reigns": reigns,
        "champion": state.champion,
        "previous": previous_version(state),
        "quarantined": sorted(state.quarantined),
        "cleared": [window.half_open for window in state.cleared],
        "frozen_until": _text(state.frozen_until),
    }


def read_registry(installation: Installation) -> dict[str, object]:
    """The alias, and tags and description of every version."""
    name = installation.settings.model_name
    client = connect(installation.settings.tracking_uri)
    versions = {held.version: held.tags for held in installation.registry.versions(name)}
    return {
        "champion": installation.registry.champion(name),
        "versions": {
            str(version): {
                "tags": tags,
                "description": client.get_model_version(name, str(version)).description,
            }
            for version, tags in versions.items()
        },
    }


def read_models(installation: Installation, state: LedgerState) -> dict[str, dict[str, object]]:
    """Digest and probabilities, to the bit, of every version that was promoted."""
    return {
        str(version): {
            "artifact_sha256": candidate.stored.artifact_sha256,
            "probabilities": _probabilities(installation, state, candidate),
        }
        for version, candidate in sorted(state.candidates.items())
    }


def _probabilities(installation: Installation, state: LedgerState, candidate: Candidate) -> list[str]:
    decision = state.decisions[candidate.windows.partition_key]
    rows = read_holdout(installation.lake, installation.engine, read_payload(decision).holdout)
    model = installation.models.load(candidate.stored)
    return [float(value).hex() for value in predict(model, rows.slice(0, N_PROBABILITIES))]


def read_lake(installation: Installation, entries: list[LedgerEntry]) -> dict[str, dict[str, object]]:
    """The mark of every table, and what every version holds that a decision pins."""
    lake, pinned = installation.lake, dict[str, set[int]]()
    for _, payload in live_decisions(entries):
        for table, version in payload.holdout.snapshot.table_versions.items():
            pinned.setdefault(table, set()).add(version)
    return {
        table: {
            "complete_through": _text(lake.complete_through(table)),
            "versions": {str(version): _describe(lake.read(table, version=version)) for version in sorted(versions)},
        }
        for table, versions in sorted(pinned.items())
    }


def _describe(rows: pa.Table) -> dict[str, object]:
    ordered = rows.sort_by([(name, "ascending") for name in rows.column_names])
    return {"n_rows": rows.num_rows, "fingerprint": fingerprint_table(ordered)}


def read_records(settings: Settings) -> list[dict[str, str]]:
    """Kind, partition, name and digest of every record's file."""
    return [
        {"kind": kind, "partition": key, "name": name, "sha256": fingerprint_text(text)}
        for kind, key, name, text in record_texts(settings)
    ]


def record_texts(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    """Kind, partition, name and text of every record's file."""
    for path in sorted((settings.home / "records").glob("*/*/*.json")):
        yield path.parts[-3], path.parts[-2], path.name, path.read_text(encoding="utf-8")


def _text(value: object) -> object:
    return value if value is None or isinstance(value, int) else str(value)
