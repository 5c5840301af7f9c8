"""The table of retrainings that the ledger's file shows, and its copy: one row per retraining or rollback."""

import datetime as dt
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import STATUS_FILE, export_ledger
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry

MODEL = "forest_fire_risk"


def draft(summary: str = "Kept version 1", **fields: object) -> EntryDraft:
    instant = dt.datetime(2024, 1, 8, 6, tzinfo=dt.UTC)
    plain = {"kind": "decision", "model_name": MODEL, "recorded_at": instant, "actor": "schedule", "trigger": "t"}
    return EntryDraft.model_validate({**plain, "summary": summary, **fields})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """What a person with the file can do."""
    with closing(duckdb.connect(path)) as connection:
        for statement in statements:
            result = connection.execute(statement).fetchall()
    return result


def day(number: int) -> dt.datetime:
    return dt.datetime(2024, 1, number, 6, tzinfo=dt.UTC)


def retraining_history(ledger: DuckDbLedger) -> list[LedgerEntry]:
    """An inaugural promotion, a week without change, a promotion, a replay, a rollback, an abandoned promotion."""

    def decide(number: int, before: int | None, outcome: str) -> EntryDraft:
        return draft(recorded_at=day(number), decision_id=f"d{number}", champion_before=before, outcome=outcome)

    def settle(number: int, kind: str, after: int) -> EntryDraft:
        return draft(recorded_at=day(number), kind=kind, decision_id=f"d{number}", champion_after=after)

    rows = [
        decide(1, None, "PROMOTED"),
        settle(1, "confirmation", 1),
        decide(8, 1, "KEPT"),
        decide(15, 1, "PROMOTED"),
        settle(15, "confirmation", 2),
        draft(recorded_at=day(16), kind="replay", decision_id="d16", champion_before=2),
        draft(recorded_at=day(17), kind="rollback", decision_id="d17", champion_before=2, payload_json=ROLLBACK),
        settle(17, "confirmation", 1),
        decide(22, 1, "PROMOTED"),
        draft(recorded_at=day(23), kind="abandonment", decision_id="d22", champion_after=1),
        draft(recorded_at=day(24), kind="rollback", decision_id="d24", champion_before=1, payload_json=ROLLBACK),
        draft(recorded_at=day(24), kind="abandonment", decision_id="d24", champion_after=1),
        in_shadow(decide(26, 1, "PROMOTED")),
        draft(recorded_at=day(27), kind="shadow_verdict", decision_id="d26", outcome="KEPT", champion_before=1),
        in_shadow(decide(27, 1, "PROMOTED")),
        draft(recorded_at=day(27), kind="abandonment", decision_id="d27", champion_after=1),
        in_shadow(decide(28, 1, "PROMOTED")),
    ]
    return [ledger.append(row) for row in rows]


def in_shadow(decided: EntryDraft) -> EntryDraft:
    return decided.model_copy(update={"payload_json": '{"shadow_until":"2026-05-04"}'})


ROLLBACK = '{"reason":"false alarms","target_version":1}'
REGISTRY_STATUS_ROWS = [
    (MODEL, 1, True, day(1), "promoted", None),
    (MODEL, 1, False, day(8), "not promoted", None),
    (MODEL, 2, True, day(15), "promoted", None),
    (MODEL, 1, True, day(17), "rolled back", 2),
    (MODEL, 1, False, day(22), "promotion not carried out", None),
    (MODEL, 1, False, day(24), "rollback not carried out", None),
    (MODEL, 1, False, day(26), "dropped after its shadow time", None),
    (MODEL, 1, False, day(27), "promotion not carried out", None),
    (MODEL, 1, False, day(28), "in shadow until 2026-05-04", None),
]
STATUS_NAMES = [
    "model_name",
    "production_version",
    "updated",
    "training_time",
    "what_happened",
    "quarantined_version",
]


def test_the_registry_status_has_a_row_per_retraining_also_when_nothing_changed(path: Path) -> None:
    retraining_history(DuckDbLedger(path, patience_seconds=1))
    asked = f"SELECT {', '.join(STATUS_NAMES)} FROM registry_status"  # noqa: S608 - constant names
    assert run_sql(path, asked) == REGISTRY_STATUS_ROWS
    columns = run_sql(path, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'registry_status'")
    assert [name for (name,) in columns] == STATUS_NAMES


def test_an_older_ledger_shows_rollbacks_in_its_registry_status_from_the_next_row_on(path: Path) -> None:
    ledger = DuckDbLedger(path, patience_seconds=1)
    retraining_history(ledger)
    older = "SELECT model_name FROM ledger WHERE kind = 'decision'"
    run_sql(path, f"CREATE OR REPLACE VIEW registry_status AS {older}", "DELETE FROM schema_version WHERE version >= 3",
            "INSERT INTO schema_version (version) VALUES (2)")  # fmt: skip
    assert run_sql(path, "SELECT count(*) FROM registry_status") == [(7,)]
    ledger.append(draft(recorded_at=day(29)))
    assert "row for each rollback" in ledger.entries()[-3].summary
    assert "in shadow until when" in ledger.entries()[-2].summary
    assert run_sql(path, "SELECT * FROM registry_status")[:-1] == REGISTRY_STATUS_ROWS


def test_the_exported_registry_status_is_that_of_the_ledger(path: Path, tmp_path: Path) -> None:
    export_ledger(retraining_history(DuckDbLedger(path, patience_seconds=1)), tmp_path)
    status = pq.read_table(tmp_path / STATUS_FILE)
    assert status.column_names == STATUS_NAMES
    assert [tuple(row.values()) for row in status.to_pylist()] == REGISTRY_STATUS_ROWS
