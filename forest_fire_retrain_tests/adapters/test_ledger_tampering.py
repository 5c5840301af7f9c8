"""Whoever drops the triggers and changes the file by hand is found by `verify`, and the first bad row is named."""

import datetime as dt
import re
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_schema import COLUMNS
from forest_fire_retrain.core.ledger.drafts import draft_freeze
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, LedgerEntry, Stamp, seal
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.pipeline.custody.verifying import verify
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.fakes.records import FakeRecordStore
from forest_fire_retrain_tests.fakes.registry import FakeRegistry
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

pytestmark = pytest.mark.slow

N_ROWS = 6
MODEL = "forest_fire_risk"
PROPERTY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLACES = st.integers(1, N_ROWS)
EDITS: dict[str, list[object]] = {
    "kind": ["replay", "guess"],
    "model_name": ["another"],
    "recorded_at": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
    "actor": ["somebody"],
    "summary": ["better", ""],
    "as_of": [dt.date(2020, 1, 1), None],
    "decision_id": ["d", None],
    "outcome": ["PROMOTED", "BECAUSE"],
    "champion_after": [9, None],
    "payload_json": ["{}", "nonsense", '{"until":"2030-01-01"}'],
    "previous_hash": ["f" * 64],
    "entry_hash": ["f" * 64, ""],
}
CHANGES = st.sampled_from([(column, value) for column, values in EDITS.items() for value in values])


class Sealed(NamedTuple):
    """A ledger file as it was written, and its rows."""

    path: Path
    rows: list[LedgerEntry]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    path = tmp_path_factory.mktemp("ledger") / "ledger.duckdb"
    ledger = DuckDbLedger(path, patience_seconds=5)
    return Sealed(path, [ledger.append(draft(number)) for number in range(N_ROWS)])


def draft(number: int) -> EntryDraft:
    return draft_freeze(
        dt.date(2026, 2, number + 1),
        "maintenance",
        model_name=MODEL,
        champion=1,
        stamp=Stamp(dt.datetime(2026, 1, 5 + number, tzinfo=dt.UTC), "ada", "cli"),
    )


def first_row_named(path: Path, copy: list[LedgerEntry]) -> int | None:
    """The smallest row number in the faults that `verify` finds."""
    ledger = DuckDbLedger(path, patience_seconds=5)
    stores = Stores(FakeLake(), DuckDbEngine(), FakeTracker(), FakeRegistry(), ledger, FakeRecordStore())
    faults = verify(stores, MODEL, rollback_horizon=5, read_copy=lambda _: copy, read_reigns=lambda: None)
    named = [int(number) for fault in faults for number in re.findall(r"row (\d+)", fault.what)[:1]]
    return min(named, default=None)


def tampered(sealed: Sealed, folder: Path, sql: str, values: Sequence[object] = ()) -> Path:
    """A copy of the file on which somebody dropped the triggers and ran one statement."""
    path = folder / "ledger.duckdb"
    shutil.copy(sealed.path, path)
    with closing(duckdb.connect(path)) as connection:
        for event in ("update", "delete"):
            connection.execute(f"DROP TRIGGER ledger_refuses_{event} ON ledger")
        connection.execute(sql, values)
    return path


def rewritten(sealed: Sealed, folder: Path, rows: Sequence[LedgerEntry]) -> Path:
    """The file with other rows in the table, as somebody with a raw connection would put them there."""
    path = tampered(sealed, folder, "DELETE FROM ledger")
    marks = ", ".join("?" for _ in COLUMNS)
    with closing(duckdb.connect(path)) as connection:
        for row in rows:
            values = [getattr(row, name) for name in COLUMNS]
            connection.execute(f"INSERT INTO ledger VALUES ({marks})", values)  # noqa: S608 - the test's own words
    return path


def renumbered(rows: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    return [row.model_copy(update={"sequence": number}) for number, row in enumerate(rows, start=1)]


def resealed(rows: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The rows in a sound chain of their own: what an attacker makes who knows the rules."""
    chain: list[LedgerEntry] = []
    for row in rows:
        chain.append(seal(row, len(chain) + 1, chain[-1].entry_hash if chain else GENESIS_HASH))
    return chain


def test_the_file_as_it_was_written_has_no_fault(sealed: Sealed) -> None:
    assert first_row_named(sealed.path, sealed.rows) is None


@PROPERTY
@given(place=PLACES, change=CHANGES)
def test_an_edited_row_is_named(sealed: Sealed, tmp_path: Path, place: int, change: tuple[str, object]) -> None:
    column, value = change
    held = getattr(sealed.rows[place - 1], column)
    sql = f'UPDATE ledger SET "{column}" = ? WHERE sequence = ?'  # noqa: S608 - the test's own words
    path = tampered(sealed, tmp_path, sql, [value, place])
    assert first_row_named(path, sealed.rows) == (None if value == held else place)


@PROPERTY
@given(place=PLACES, is_renumbered=st.booleans())
def test_a_deleted_row_is_named_also_the_last_one(
    sealed: Sealed, tmp_path: Path, place: int, *, is_renumbered: bool
) -> None:
    if is_renumbered:
        left = sealed.rows[: place - 1] + sealed.rows[place:]
        path = rewritten(sealed, tmp_path, renumbered(left))
    else:
        path = tampered(sealed, tmp_path, "DELETE FROM ledger WHERE sequence = ?", [place])
    assert first_row_named(path, sealed.rows) == place


@PROPERTY
@given(place=st.integers(1, N_ROWS + 1), is_linked=st.booleans())
def test_an_inserted_row_is_named_also_one_that_is_linked_to_the_row_before(
    sealed: Sealed, tmp_path: Path, place: int, *, is_linked: bool
) -> None:
    before = sealed.rows[place - 2].entry_hash if place > 1 else GENESIS_HASH
    inserted = seal(draft(20), place, before if is_linked else "f" * 64)
    rows = [*sealed.rows[: place - 1], inserted, *sealed.rows[place - 1 :]]
    path = rewritten(sealed, tmp_path, renumbered(rows))
    assert first_row_named(path, sealed.rows) == place


@PROPERTY
@given(order=st.permutations(range(N_ROWS)))
def test_reordered_rows_are_named_from_the_first_that_moved(sealed: Sealed, tmp_path: Path, order: list[int]) -> None:
    path = rewritten(sealed, tmp_path, renumbered([sealed.rows[place] for place in order]))
    moved = [number for number, place in enumerate(order, start=1) if number != place + 1]
    assert first_row_named(path, sealed.rows) == (moved[0] if moved else None)


@PROPERTY
@given(place=PLACES)
def test_a_chain_that_was_sealed_anew_is_given_away_by_the_copy(sealed: Sealed, tmp_path: Path, place: int) -> None:
    rows = [row.model_copy(update={"summary": "better"}) if row.sequence == place else row for row in sealed.rows]
    path = rewritten(sealed, tmp_path, resealed(rows))
    assert first_row_named(path, sealed.rows) == place
