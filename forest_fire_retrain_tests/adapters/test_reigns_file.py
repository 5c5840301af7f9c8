"""The exported reigns answer as all rows do, are not believed of other rows, and read one row where one is asked."""

import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE, export_ledger, open_reigns, read_export
from forest_fire_retrain.adapters.reigns_file import (
    REIGNS_FILE,
    FollowedRows,
    ReignsFile,
    Span,
    read_reigns,
)
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.reigns import find_later_notes, reign_at, reigns_of
from forest_fire_retrain_tests.example_evidence import NOON
from forest_fire_retrain_tests.example_ledgers import HOUR, MODELS, instants_around, ledgers, write_steps
from forest_fire_retrain_tests.property_examples import examples

NORTH = MODELS[1]
STEPS = [(MODELS[0], "promoted"), (NORTH, "promoted"), (NORTH, "moved"), (NORTH, "promoted"), (NORTH, "rolled back")]


@pytest.fixture
def rows() -> list[LedgerEntry]:
    return write_steps(STEPS, [])


@pytest.fixture
def folder(tmp_path: Path, rows: list[LedgerEntry]) -> Path:
    export_ledger(rows, tmp_path)
    return tmp_path


@given(ledgers())
@examples(12)
def test_file_and_rows_answer_alike_and_so_does_the_join(rows: list[LedgerEntry]) -> None:
    instants = instants_around(rows)[:12]
    with tempfile.TemporaryDirectory() as name:
        export_ledger(rows, Path(name))
        with ReignsFile(Path(name)) as exported, FollowedRows(rows) as followed:
            assert exported.is_current()
            assert exported.read_all() == followed.read_all() == read_reigns(Path(name))
            assert exported.model_names() == followed.model_names()
            for known_at in (None, *instants[::4]):
                for model in MODELS:
                    assert exported.first(model, known_at) == followed.first(model, known_at)
                    for at in instants:
                        answers = [answer(held, model, at, known_at) for held in (exported, followed)]
                        assert answers[0] == answers[1]
                assert joined(exported, instants, known_at) == one_by_one(rows, instants, known_at)


def answer(held: ReignsFile | FollowedRows, model: str, at: dt.datetime, known_at: dt.datetime | None) -> object:
    near = held.around(model, at, known_at, Span(at - 3 * HOUR, at))
    reign = reign_at(near, at, known_at)
    day = at.date() - dt.timedelta(days=140)
    return reign, find_later_notes(near, reign, at, known_at), held.by_partition_time(model, day, known_at)


def joined(held: ReignsFile, instants: Sequence[dt.datetime], known_at: dt.datetime | None) -> dict[object, object]:
    pairs = [(model, at) for model in MODELS for at in instants]
    questions = pa.table({"model_name": [model for model, _ in pairs], "instant": [at for _, at in pairs]})
    rows = held.answer_all(questions, known_at).to_pylist()
    assert len(rows) == len(pairs)
    return {(row["model_name"], row["instant"]): row["version"] for row in rows}


def one_by_one(
    rows: list[LedgerEntry], instants: Sequence[dt.datetime], known_at: dt.datetime | None
) -> dict[object, object]:
    reigns = {model: [r for r in reigns_of(rows) if r.model_name == model] for model in MODELS}
    held = {(model, at): reign_at(reigns[model], at, known_at) for model in MODELS for at in instants}
    return {asked: reign and reign.version for asked, reign in held.items()}


def test_the_file_is_sorted_by_model_and_time(folder: Path, rows: list[LedgerEntry]) -> None:
    held = [(row["model_name"], row["since"]) for row in pq.read_table(folder / REIGNS_FILE).to_pylist()]
    assert [name for name, _ in held] == [MODELS[0], NORTH, NORTH, NORTH]
    assert held == sorted(held)
    assert read_reigns(folder) == reigns_of(rows)


def test_sightings_of_a_moved_alias_come_back_as_they_were(folder: Path, rows: list[LedgerEntry]) -> None:
    first = next(reign for reign in reigns_of(rows) if reign.model_name == NORTH)
    assert len(first.sightings) == 1
    with ReignsFile(folder) as held:
        assert held.read_all(NORTH)[0] == first


def test_one_row_is_read_by_its_number_if_it_was_recorded_by_then(folder: Path, rows: list[LedgerEntry]) -> None:
    for held in (ReignsFile(folder), FollowedRows(rows)):
        with held:
            read = [held.read_excerpt(row.sequence) for row in rows]
            assert [one and one.entry_hash for one in read] == [row.entry_hash for row in rows]
            assert [one and one.payload_json for one in read] == [row.payload_json for row in rows]
            assert held.read_excerpt(len(rows) + 1) is None
            assert held.read_excerpt(3, rows[2].recorded_at) == read[2]
            assert held.read_excerpt(3, rows[2].recorded_at - dt.timedelta(microseconds=1)) is None


def test_what_a_person_typed_reaches_the_file_as_a_value(folder: Path) -> None:
    with ReignsFile(folder) as held:
        assert held.around("x' OR TRUE --", NOON, None) == []


def remove(folder: Path) -> None:
    (folder / REIGNS_FILE).unlink()


def damage(folder: Path) -> None:
    (folder / REIGNS_FILE).write_bytes(b"PAR1" + bytes(200) + b"PAR1")


def take_of_fewer_rows(folder: Path) -> None:
    rows = read_export(folder)
    export_ledger(rows[:3], folder / "fewer")
    (folder / "fewer" / REIGNS_FILE).replace(folder / REIGNS_FILE)


def take_of_other_rows(folder: Path) -> None:
    export_ledger(write_steps(STEPS, [2]), folder / "other")
    (folder / "other" / REIGNS_FILE).replace(folder / REIGNS_FILE)


def change_the_last_row_alone(folder: Path) -> None:
    rows = read_export(folder)
    reigns = (folder / REIGNS_FILE).read_bytes()
    export_ledger([*rows[:-1], rows[-1].model_copy(update={"entry_hash": "f" * 64})], folder)
    (folder / REIGNS_FILE).write_bytes(reigns)


def write_rows_as_an_earlier_release(folder: Path) -> None:
    pq.write_table(pq.read_table(folder / LEDGER_FILE).replace_schema_metadata(), folder / LEDGER_FILE)


@pytest.mark.parametrize(
    "spoil",
    [
        remove,
        damage,
        take_of_fewer_rows,
        take_of_other_rows,
        change_the_last_row_alone,
        write_rows_as_an_earlier_release,
    ],
)
def test_reigns_that_are_not_those_of_the_rows_are_not_believed(
    folder: Path, rows: list[LedgerEntry], spoil: object
) -> None:
    with open_reigns(folder) as held:
        assert isinstance(held, ReignsFile)
    spoil(folder)  # type: ignore[operator] # one of the functions above
    with open_reigns(folder) as held:
        assert isinstance(held, FollowedRows)
        assert held.read_all() == reigns_of(rows)
    if spoil is remove:
        assert read_reigns(folder) is None
    else:
        with pytest.raises(LedgerError, match=r"was made of other rows than .* beside it holds, or is dam"):
            read_reigns(folder)


def test_reigns_in_the_form_of_another_release_are_made_again_and_are_no_fault(
    folder: Path, rows: list[LedgerEntry]
) -> None:
    table = pq.read_table(folder / REIGNS_FILE)
    notes = {b"made_beside": (table.schema.metadata or {})[b"made_beside"]}
    pq.write_table(table.drop_columns(["seen_repairs"]).replace_schema_metadata(notes), folder / REIGNS_FILE)
    with open_reigns(folder) as held:
        assert isinstance(held, FollowedRows)
        assert held.read_all() == reigns_of(rows)
    assert read_reigns(folder) is None


def test_a_file_that_breaks_off_says_what_to_do(folder: Path) -> None:
    path = folder / REIGNS_FILE
    held = bytearray(path.read_bytes())
    held[4:400] = bytes(396)  # the columns, not the footer
    path.write_bytes(held)
    with open_reigns(folder) as reigns, pytest.raises(LedgerError, match=r"reigns\.parquet cannot be read: .*export"):
        reigns.read_all()
