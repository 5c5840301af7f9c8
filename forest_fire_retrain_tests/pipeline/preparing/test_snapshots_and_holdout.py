"""A retraining knows what was recorded before its cut-off, and its holdout can be had again for ever."""

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.errors import EvidenceError, LakeError
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, LedgerEntry, seal
from forest_fire_retrain.core.records import HoldoutSet, Knowledge, Snapshot
from forest_fire_retrain.core.rows.feature_catalogue import FEATURES_SCHEMA
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, FIRES_SCHEMA, WEATHER_SCHEMA, TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval, RetrainingWindows, WindowPolicy, midnight, plan_windows
from forest_fire_retrain.pipeline.preparing.holding_out import HOLDOUT_KIND, set_holdout_apart
from forest_fire_retrain.pipeline.preparing.reading_rows import read_labelled
from forest_fire_retrain.pipeline.preparing.snapshots import original_decision, take_snapshot
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.fakes.records import FakeRecordStore

ENGINE = DuckDbEngine()
DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)
N_DAYS = 140
CELLS = ("a", "b", "c")
POLICY = WindowPolicy(label_delay_days=14, gap_days=21, training_window_days=365, min_training_days=40)
KEY = "2024-04-01"
Row = dict[str, object]


def windows_of(partition_start: dt.date = dt.date(2024, 4, 1)) -> RetrainingWindows:
    partition = Interval(start=partition_start, end=partition_start + 7 * DAY)
    return plan_windows(partition, START, POLICY)


WINDOWS = windows_of()


def fire_row(fire: str, cell: str, date: dt.date, recorded_at: dt.datetime) -> Row:
    return {"fire_id": fire, "cell_id": cell, "date": date, "area_ha": 4.0, "recorded_at": recorded_at}


def write_fires(lake: FakeLake, *fires: Row) -> None:
    lake.append(TableName.FIRES, pa.Table.from_pylist(list(fires), schema=FIRES_SCHEMA))


def feature_rows() -> pa.Table:
    rng = np.random.default_rng(4)
    n_rows = N_DAYS * len(CELLS)
    keys = {
        "cell_id": pa.array(list(CELLS) * N_DAYS),
        "date": pa.array([START + day * DAY for day in range(N_DAYS) for _ in CELLS], pa.date32()),
    }
    return pa.table(
        {**keys, **{name: rng.normal(size=n_rows) for name in FEATURES_SCHEMA.names[2:]}}, schema=FEATURES_SCHEMA
    )


@pytest.fixture
def lake() -> FakeLake:
    """Features of all days and one fire in the holdout, reported in time; the marks are those of the cut-off."""
    lake, everything = FakeLake(), Interval(start=START, end=START + N_DAYS * DAY)
    lake.overwrite(TableName.CELLS, CELLS_SCHEMA.empty_table())
    lake.append(TableName.WEATHER, WEATHER_SCHEMA.empty_table())
    first = fire_row("f1", "a", WINDOWS.holdout.start, midnight(WINDOWS.holdout.start + 2 * DAY))
    table = pa.Table.from_pylist([first], schema=FIRES_SCHEMA)
    lake.replace(TableName.FIRES, table, day_column="date", window=everything, through=WINDOWS.as_of)
    lake.replace(TableName.FEATURES, feature_rows(), day_column="date", window=everything, through=everything.end)
    return lake


def take_live(lake: FakeLake) -> Snapshot:
    return take_snapshot(lake, WINDOWS, None, Knowledge.AS_CORRECTED)


def hold_out(lake: FakeLake, snapshot: Snapshot, records: FakeRecordStore | None = None) -> HoldoutSet:
    return set_holdout_apart(lake, ENGINE, records or FakeRecordStore(), WINDOWS, snapshot)


def decide(holdout: HoldoutSet, **fields: object) -> LedgerEntry:
    """A row of the ledger with the holdout in its payload, as JSON only."""
    plain = {
        "kind": "decision",
        "model_name": "forest_fire_risk",
        "recorded_at": midnight(WINDOWS.as_of),
        "actor": "schedule",
        "trigger": "schedule",
        "summary": "Kept version 1",
        "partition_key": KEY,
        "payload_json": canonical_json({"holdout": json.loads(holdout.model_dump_json())}),
    }
    return seal(EntryDraft.model_validate({**plain, **fields}), 1, GENESIS_HASH)


def labelled_fires(lake: FakeLake, snapshot: Snapshot) -> set[tuple[str, dt.date]]:
    rows = read_labelled(lake, ENGINE, snapshot, WINDOWS.holdout).to_pylist()
    return {(row["cell_id"], row["date"]) for row in rows if row["label"]}


FIRST_FIRE = ("a", WINDOWS.holdout.start)
SECOND_FIRE = ("b", WINDOWS.holdout.start + DAY)
THIRD_FIRE = ("c", WINDOWS.holdout.start + 2 * DAY)


def test_a_live_retraining_pins_the_newest_versions_and_ends_its_knowledge_at_as_of(lake: FakeLake) -> None:
    write_fires(lake, fire_row("f2", *SECOND_FIRE, recorded_at=midnight(WINDOWS.as_of)))
    snapshot = take_live(lake)
    assert snapshot.table_versions == {"cells": 0, "weather": 0, "fires": 1, "features": 0}
    assert snapshot.known_at == dt.datetime(2024, 4, 8, tzinfo=dt.UTC)
    assert snapshot.knowledge is Knowledge.LIVE


@pytest.mark.parametrize(
    ("time_zone", "known_at"),
    [
        ("Pacific/Auckland", "2024-04-07T12:00"),  # clocks went back the night before
        ("Pacific/Kiritimati", "2024-04-07T10:00"),
        ("America/Los_Angeles", "2024-04-08T07:00"),
        ("Pacific/Pago_Pago", "2024-04-08T11:00"),
    ],
)
def test_knowledge_ends_at_the_zones_midnight_and_labels_with_it(lake: FakeLake, time_zone: str, known_at: str) -> None:
    end = dt.datetime.fromisoformat(f"{known_at}+00:00")
    second = dt.timedelta(seconds=1)
    write_fires(lake, fire_row("f2", *SECOND_FIRE, recorded_at=end - second), fire_row("f3", *THIRD_FIRE, end))
    snapshot = take_snapshot(lake, WINDOWS, None, Knowledge.AS_CORRECTED, time_zone=time_zone)
    assert (snapshot.known_at, snapshot.time_zone) == (end, time_zone)
    assert labelled_fires(lake, snapshot) == {FIRST_FIRE, SECOND_FIRE}


def test_a_decision_keeps_its_instant_when_the_zone_is_changed(lake: FakeLake) -> None:
    original = decide(hold_out(lake, take_live(lake)))
    replayed = take_snapshot(lake, WINDOWS, original, Knowledge.AS_KNOWN, time_zone="Pacific/Auckland")
    assert (replayed.known_at, replayed.time_zone) == (midnight(WINDOWS.as_of), "UTC")
    corrected = take_snapshot(lake, WINDOWS, original, Knowledge.AS_CORRECTED, time_zone="Pacific/Auckland")
    assert corrected.known_at == midnight(WINDOWS.as_of + DAY, "Pacific/Auckland")


def test_a_snapshot_in_utc_is_written_as_before_there_were_zones_and_another_names_its_zone(lake: FakeLake) -> None:
    in_utc = take_live(lake)
    assert set(json.loads(in_utc.model_dump_json())) == {"knowledge", "table_versions", "known_at"}
    assert Snapshot.model_validate_json(in_utc.model_dump_json()) == in_utc
    elsewhere = take_snapshot(lake, WINDOWS, None, Knowledge.LIVE, time_zone="Pacific/Auckland")
    holdout = hold_out(lake, elsewhere)
    assert HoldoutSet.model_validate_json(holdout.model_dump_json()).snapshot.time_zone == "Pacific/Auckland"


def test_a_snapshot_says_whose_rows_it_is_of_where_the_lake_knows(lake: FakeLake) -> None:
    lake.overwrite(TableName.CELLS, CELLS_SCHEMA.empty_table(), origin="folder one")
    snapshot = take_live(lake)
    assert snapshot.source == "folder one"
    original = decide(hold_out(lake, snapshot))
    lake.overwrite(TableName.CELLS, CELLS_SCHEMA.empty_table(), origin="folder two")
    assert take_snapshot(lake, WINDOWS, original, Knowledge.AS_KNOWN).source == "folder one"
    assert take_snapshot(lake, WINDOWS, original, Knowledge.AS_CORRECTED).source == "folder two"


def test_a_live_retraining_of_a_past_partition_does_not_see_what_came_after_its_cut_off(lake: FakeLake) -> None:
    lake.replace(
        TableName.FIRES,
        pa.Table.from_pylist([fire_row("f2", *SECOND_FIRE, recorded_at=midnight(WINDOWS.as_of))], schema=FIRES_SCHEMA),
        day_column="recorded_at",
        window=Interval(start=WINDOWS.as_of, end=WINDOWS.as_of + 30 * DAY),
        through=WINDOWS.as_of + 30 * DAY,
    )
    assert labelled_fires(lake, take_live(lake)) == {FIRST_FIRE}


def test_a_replay_as_known_reads_what_the_original_pinned(lake: FakeLake) -> None:
    holdout = hold_out(lake, take_live(lake))
    write_fires(lake, fire_row("f2", *SECOND_FIRE, recorded_at=midnight(WINDOWS.as_of - DAY)))
    lake.append(TableName.FEATURES, feature_rows())
    snapshot = take_snapshot(lake, WINDOWS, decide(holdout), Knowledge.AS_KNOWN)
    assert snapshot == holdout.snapshot.model_copy(update={"knowledge": Knowledge.AS_KNOWN})
    assert hold_out(lake, snapshot).content_hash == holdout.content_hash
    assert hold_out(lake, take_live(lake)).content_hash != holdout.content_hash


def test_a_replay_as_corrected_sees_every_correction_recorded_since(lake: FakeLake) -> None:
    original = decide(hold_out(lake, take_live(lake)))
    later = Interval(start=WINDOWS.as_of, end=WINDOWS.as_of + 30 * DAY)
    fires = [
        fire_row("f1", "c", WINDOWS.holdout.start, midnight(later.start + 5 * DAY)),
        fire_row("f2", *SECOND_FIRE, recorded_at=midnight(later.start + 9 * DAY)),
    ]
    table = pa.Table.from_pylist(fires, schema=FIRES_SCHEMA)
    lake.replace(TableName.FIRES, table, day_column="recorded_at", window=later, through=later.end)
    snapshot = take_snapshot(lake, WINDOWS, original, Knowledge.AS_CORRECTED)
    assert (snapshot.known_at, snapshot.knowledge) == (midnight(later.end + DAY), Knowledge.AS_CORRECTED)
    assert labelled_fires(lake, snapshot) == {("c", WINDOWS.holdout.start), SECOND_FIRE}


def test_a_replay_as_corrected_never_knows_less_than_its_own_cut_off(lake: FakeLake) -> None:
    original = decide(hold_out(lake, take_live(lake)))
    for mark in (None, WINDOWS.as_of - DAY, WINDOWS.as_of):
        lake.tables[TableName.FIRES] = [version._replace(mark=mark) for version in lake.tables[TableName.FIRES]]
        known_at = take_snapshot(lake, WINDOWS, original, Knowledge.AS_CORRECTED).known_at
        assert known_at == midnight(WINDOWS.as_of + (DAY if mark == WINDOWS.as_of else dt.timedelta()))


def test_a_partition_never_decided_cannot_be_replayed_as_known(lake: FakeLake) -> None:
    with pytest.raises(EvidenceError, match=rf"partition {KEY} was never decided.*without knowledge: as_known"):
        take_snapshot(lake, WINDOWS, None, Knowledge.AS_KNOWN)


def test_missing_tables_are_all_named_with_the_command_to_run(lake: FakeLake) -> None:
    del lake.tables[TableName.WEATHER], lake.tables[TableName.FEATURES]
    with pytest.raises(EvidenceError, match=rf"{KEY}: the lake has no table weather, features; .*--partition {KEY}"):
        take_live(lake)


def test_the_original_decision_is_the_live_one_of_that_partition(lake: FakeLake) -> None:
    holdout = hold_out(lake, take_live(lake))
    entries = [
        decide(holdout, partition_key="2024-03-25"),
        decide(holdout, kind="replay"),
        decide(holdout, kind="confirmation"),
        decide(holdout, summary="the one"),
        decide(holdout, kind="replay", summary="later"),
    ]
    found = original_decision(entries, KEY)
    assert found is not None
    assert found.summary == "the one"
    assert original_decision(entries, "2024-04-08") is None
    assert original_decision(entries[:3], KEY) is None


def test_the_holdout_counts_and_hashes_the_rows_of_its_window(lake: FakeLake) -> None:
    write_fires(
        lake,
        fire_row("f2", "a", WINDOWS.holdout.start, midnight(WINDOWS.as_of - DAY)),
        fire_row("f3", *SECOND_FIRE, recorded_at=midnight(WINDOWS.as_of - DAY)),
        fire_row("f4", "c", WINDOWS.holdout.end, midnight(WINDOWS.as_of - DAY)),
        fire_row("f5", "c", WINDOWS.holdout.start - DAY, midnight(WINDOWS.as_of - DAY)),
    )
    holdout = hold_out(lake, take_live(lake))
    assert (holdout.n_rows, holdout.n_cells, holdout.n_fires) == (21, 3, 2)
    rows = read_labelled(lake, ENGINE, holdout.snapshot, WINDOWS.holdout)
    assert holdout.content_hash == fingerprint_table(rows)
    assert rows["date"].to_pylist() == sorted(rows["date"].to_pylist())
    assert set(rows["date"].to_pylist()) == {WINDOWS.holdout.start + day * DAY for day in range(7)}


def test_the_holdout_without_any_fire_is_set_apart_all_the_same(lake: FakeLake) -> None:
    write_fires(lake, fire_row("f1", "a", START, midnight(WINDOWS.as_of - DAY)))
    assert hold_out(lake, take_live(lake)).n_fires == 0


def test_the_holdout_is_kept_and_the_same_again_changes_nothing(lake: FakeLake) -> None:
    records = FakeRecordStore()
    holdout = hold_out(lake, take_live(lake), records)
    assert hold_out(lake, take_live(lake), records) == holdout
    assert records.kept == {(HOLDOUT_KIND, KEY): [holdout.model_dump_json()]}
    assert HoldoutSet.model_validate_json(records.newest(HOLDOUT_KIND, KEY) or "") == holdout


def test_the_holdout_comes_back_after_the_lake_moved_on(lake: FakeLake) -> None:
    holdout = hold_out(lake, take_live(lake))
    write_fires(lake, fire_row("f1", "b", WINDOWS.holdout.start, midnight(WINDOWS.as_of - DAY)))
    lake.overwrite(TableName.FEATURES, feature_rows().slice(0, 30))
    assert fingerprint_table(read_labelled(lake, ENGINE, holdout.snapshot, WINDOWS.holdout)) == holdout.content_hash


def test_a_correction_known_at_the_cut_off_changes_the_hash(lake: FakeLake) -> None:
    before = hold_out(lake, take_live(lake))
    write_fires(lake, fire_row("f1", "b", WINDOWS.holdout.start, midnight(WINDOWS.as_of) - dt.timedelta(seconds=1)))
    after = hold_out(lake, take_live(lake))
    assert after.content_hash != before.content_hash
    assert after.n_fires == before.n_fires == 1


def test_a_pinned_version_that_is_gone_is_an_error(lake: FakeLake) -> None:
    snapshot = take_live(lake).model_copy(update={"table_versions": {"features": 7, "fires": 0}})
    with pytest.raises(LakeError, match="features at version 7"):
        read_labelled(lake, ENGINE, snapshot, WINDOWS.holdout)


def test_a_holdout_without_rows_is_refused_and_not_kept(lake: FakeLake) -> None:
    lake.overwrite(TableName.FEATURES, feature_rows().slice(0, 30))
    records = FakeRecordStore()
    with pytest.raises(EvidenceError, match=rf"{KEY}: the holdout window 2024-03-18 to 2024-03-24 has no rows"):
        hold_out(lake, take_live(lake), records)
    assert records.kept == {}
