"""The ledger's columns, and the SQL of its tables; the Parquet copy has the same columns."""

import datetime as dt
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import duckdb

from forest_fire_retrain.core.ledger.entries import LedgerEntry

LEDGER_FILE = "ledger.parquet"
COLUMNS = {
    "sequence": "BIGINT PRIMARY KEY",
    "kind": "VARCHAR NOT NULL",
    "model_name": "VARCHAR NOT NULL",
    "recorded_at": "TIMESTAMPTZ NOT NULL",
    "actor": "VARCHAR NOT NULL",
    "trigger": "VARCHAR NOT NULL",
    "summary": "VARCHAR NOT NULL",
    "partition_key": "VARCHAR",
    "as_of": "DATE",
    "decision_id": "VARCHAR",
    "idempotency_key": "VARCHAR",
    "outcome": "VARCHAR",
    "reason_code": "VARCHAR",
    "champion_before": "INTEGER",
    "champion_after": "INTEGER",
    "dagster_run_id": "VARCHAR",
    "mlflow_run_id": "VARCHAR",
    "payload_json": "VARCHAR NOT NULL",
    "previous_hash": "VARCHAR NOT NULL",
    "entry_hash": "VARCHAR NOT NULL",
}
NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
ROWS_AT_ONCE = 1_000
_values_of = attrgetter(*COLUMNS)

# One row per scheduled retraining, also when nothing changed, and one per rollback (replays are neither).
REGISTRY_STATUS = """
SELECT d.model_name, coalesce(c.champion_after, d.champion_before) AS production_version,
       c.champion_after IS NOT NULL AS updated, d.recorded_at AS training_time,
       CASE WHEN d.kind = 'rollback' AND c.champion_after IS NOT NULL THEN 'rolled back'
            WHEN d.kind = 'rollback' THEN 'rollback not carried out'
            WHEN c.champion_after IS NOT NULL THEN 'promoted'
            WHEN d.until <> '' AND e.ended IS NULL THEN 'in shadow until ' || d.until
            WHEN d.until <> '' AND e.ended = 'dropped' THEN 'dropped after its shadow time'
            WHEN d.outcome = 'PROMOTED' THEN 'promotion not carried out'
            ELSE 'not promoted' END AS what_happened,
       CASE WHEN d.kind = 'rollback' AND c.champion_after IS NOT NULL THEN d.champion_before END AS quarantined_version
FROM (
    SELECT *, CASE WHEN kind = 'decision' AND outcome = 'PROMOTED'
              THEN regexp_extract(payload_json, '"shadow_until":"([0-9]{4}-[0-9]{2}-[0-9]{2})"', 1) END AS until
    FROM ledger WHERE kind IN ('decision', 'rollback')
) d LEFT JOIN ledger c ON c.kind = 'confirmation' AND c.decision_id = d.decision_id
LEFT JOIN (
    SELECT decision_id, arg_min(CASE WHEN kind = 'shadow_verdict' AND outcome <> 'PROMOTED'
                                THEN 'dropped' ELSE 'ended' END, sequence) AS ended
    FROM ledger WHERE kind IN ('shadow_verdict', 'abandonment') GROUP BY decision_id
) e ON e.decision_id = d.decision_id
ORDER BY d.sequence
"""

SCHEMA = f"""
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ);
CREATE TABLE ledger ({", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())});
CREATE TABLE ledger_guard (refusal VARCHAR);
CREATE TRIGGER ledger_refuses_update BEFORE UPDATE ON ledger FOR EACH STATEMENT
    INSERT INTO ledger_guard SELECT error('the ledger is append-only');
CREATE TRIGGER ledger_refuses_delete BEFORE DELETE ON ledger FOR EACH STATEMENT
    INSERT INTO ledger_guard SELECT error('the ledger is append-only');
CREATE VIEW registry_status AS {REGISTRY_STATUS};
"""


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let nobody look for garbage while many rows are read: they stay, and would be looked through time and again."""
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()


def fetched(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """What was asked, some rows at a time, so that they are not all held twice."""
    while rows := connection.fetchmany(ROWS_AT_ONCE):
        yield from rows


def entry_of_row(row: tuple[object, ...]) -> LedgerEntry:
    """The entry that a row of all columns, in their order, holds.

    Raises
    ------
    pydantic.ValidationError
        If it holds values that no ledger writes.
    """
    fields = dict(zip(COLUMNS, row, strict=True))
    recorded_at = fields["recorded_at"]
    if isinstance(recorded_at, dt.datetime):
        fields["recorded_at"] = recorded_at.astimezone(dt.UTC)
    return LedgerEntry.model_validate(fields)


def entry_among(known: Sequence[LedgerEntry], row: tuple[object, ...]) -> LedgerEntry:
    """The same; where `known` holds it in its place, from 1, it is that entry, and is not made again."""
    place = row[0] if isinstance(row[0], int) else 0
    if 0 < place <= len(known) and _values_of(known[place - 1]) == row:
        return known[place - 1]
    return entry_of_row(row)
