"""The copy in parts: whatever exports came before, and wherever one was cut, it holds the rows or says why not."""

import gc
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forest_fire_retrain.adapters import copied_rows, reigns_file
from forest_fire_retrain.adapters.copied_rows import TOGETHER, list_parts, open_memory, read_head
from forest_fire_retrain.adapters.ledger_export import (
    LEDGER_FILE,
    export_ledger,
    open_reigns,
    read_export,
    refresh_export,
)
from forest_fire_retrain.adapters.ledger_schema import COLUMNS
from forest_fire_retrain.adapters.ledger_witnesses import count_copied_rows
from forest_fire_retrain.adapters.reigns_file import REIGNS_FILE, FollowedRows, ReignsFile, read_reigns
from forest_fire_retrain.adapters.status_file import STATUS_FILE, read_status
from forest_fire_retrain.core.errors import LedgerError, LedgerTamperedError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.reigns import MOVING, reigns_of
from forest_fire_retrain.pipeline.custody.verifying import check_copy
from forest_fire_retrain_tests.example_ledgers import ledgers
from forest_fire_retrain_tests.example_long_ledgers import draw_long_ledger
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

ROWS = list(draw_long_ledger(60))
N_MOST = 20


def export_all(folder: Path, rows: list[LedgerEntry], steps: list[int]) -> None:
    """One export after the other, of so many rows more each time, and of all in the end."""
    n_rows = 0
    for step in [*steps, len(rows)]:
        n_rows = min(n_rows + step, len(rows))
        refresh_export(FakeLedger(rows[:n_rows]), folder)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A first file of five rows, and three parts."""
    made = tmp_path / "export"
    export_all(made, ROWS[:12], [5, 1, 3])
    assert [part[:2] for part in list_parts(made)] == [(6, 6), (7, 9), (10, 12)]
    return made


@settings(max_examples=25, deadline=None)
@given(rows=ledgers(), steps=st.lists(st.integers(0, 9), max_size=9))
def test_exports_in_steps_come_to_what_one_export_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[LedgerEntry], steps: list[int]
) -> None:
    folder, whole = tmp_path_factory.mktemp("steps"), tmp_path_factory.mktemp("whole")
    export_all(folder, rows, steps)
    export_ledger(rows, whole)
    assert read_export(folder) == rows
    with closing(open_memory()) as connection:
        read = [connection.read_parquet(str(place / STATUS_FILE)).fetchall() for place in (folder, whole)]
        assert read[0] == read[1]
    assert read_reigns(folder) == read_reigns(whole) == reigns_of(rows)
    with open_reigns(folder) as reigns:
        assert isinstance(reigns, ReignsFile)
        assert reigns.model_names() == sorted({row.model_name for row in rows})
        hashes = [reigns.read_excerpt(row.sequence) for row in rows]
    assert [one and one.entry_hash for one in hashes] == [row.entry_hash for row in rows]


def test_many_exports_are_few_files_and_each_row_is_written_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_written, write = 0, copied_rows.write_rows

    def count(*arguments: object, **options: object) -> None:
        nonlocal n_written
        n_written += len(arguments[3])  # type: ignore[arg-type] # the rows
        write(*arguments, **options)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(copied_rows, "write_rows", count)
    for n_rows in range(1, len(ROWS) + 1):
        refresh_export(FakeLedger(ROWS[:n_rows]), tmp_path)
        assert len(list_parts(tmp_path)) < 2 * TOGETHER
    assert read_export(tmp_path) == ROWS
    assert n_written <= 3 * len(ROWS)


def test_a_whole_export_leaves_one_file(folder: Path) -> None:
    refresh_export(FakeLedger(ROWS[:12]), folder, is_whole=True)
    assert names_in(folder) == {LEDGER_FILE, STATUS_FILE, REIGNS_FILE}
    assert read_export(folder) == ROWS[:12]


class Cut(BaseException):
    """The process is gone."""


class Cutter:
    """Ends the process at one of the instants before and behind every rename and every removal."""

    def __init__(self) -> None:
        self.at, self.seen = 0, 0

    def watch(self, act: Callable[..., object]) -> Callable[..., object]:
        def do(*arguments: object, **options: object) -> object:
            self._pass()
            done = act(*arguments, **options)
            self._pass()
            return done

        return do

    def _pass(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Cut

    def is_cut(self, act: Callable[[], object]) -> bool:
        """Whether the process ended before it was done."""
        self.seen = 0
        try:
            act()
        except Cut:
            return True
        return False


@pytest.mark.parametrize("n_before", [12, 12 + TOGETHER - 4])
def test_an_export_that_is_cut_leaves_the_rows_before_or_all_of_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_before: int
) -> None:
    """The next export mends what is left."""
    for n_rows in range(13, n_before + 1):
        refresh_export(FakeLedger(ROWS[:n_rows]), folder)
    rows, cutter, place = ROWS[: n_before + 1], Cutter(), tmp_path / "cut"
    monkeypatch.setattr(Path, "replace", cutter.watch(Path.replace))
    monkeypatch.setattr(copied_rows, "_remove", cutter.watch(copied_rows._remove))
    for at in range(1, 100):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place)
        cutter.at = at
        if not cutter.is_cut(lambda: refresh_export(FakeLedger(rows), place)):
            break
        held = read_export(place)
        assert held in (ROWS[:n_before], rows)
        with open_reigns(place) as reigns:
            assert reigns.read_all() == reigns_of(held)
        cutter.at = 0
        refresh_export(FakeLedger(rows), place)
        assert (read_export(place), read_reigns(place)) == (rows, reigns_of(rows))
        assert len(list_parts(place)) <= len(list_parts(folder)) + 1
    assert at == 9  # three files and what is removed, before and behind; then nothing was cut


def test_a_removal_that_is_cut_leaves_parts_that_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied_rows, "_remove", lambda _parts: None)
    for n_rows in range(1, N_MOST):
        refresh_export(FakeLedger(ROWS[:n_rows]), tmp_path)
        assert read_export(tmp_path) == ROWS[:n_rows]
        assert count_copied_rows(tmp_path) == n_rows
    monkeypatch.undo()
    n_before = len(list_parts(tmp_path))
    refresh_export(FakeLedger(ROWS[:N_MOST]), tmp_path)
    assert len(list_parts(tmp_path)) < n_before


def remove_part(folder: Path) -> None:
    list_parts(folder)[1].path.unlink()


def remove_first_file(folder: Path) -> None:
    (folder / LEDGER_FILE).unlink()


def shorten_part(folder: Path) -> None:
    part = list_parts(folder)[1]
    export_ledger(ROWS[6:8], folder / "other")
    (folder / "other" / LEDGER_FILE).replace(part.path)


def damage_part(folder: Path) -> None:
    list_parts(folder)[2].path.write_bytes(b"no parquet")


def break_part_off(folder: Path) -> None:
    part = list_parts(folder)[2].path
    part.write_bytes(part.read_bytes()[:-100])


@pytest.mark.parametrize("spoil", [remove_part, remove_first_file, shorten_part, damage_part, break_part_off])
def test_a_copy_with_a_part_that_is_missing_or_not_whole_is_damage(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder)
    with pytest.raises(LedgerError, match=r"cannot be read: .*forest-fire ledger export") as caught:
        read_export(folder)
    assert caught.type is LedgerError
    assert count_copied_rows(folder) in (0, 12)  # what lies before the end is not looked at there
    refresh_export(FakeLedger(ROWS[:13]), folder, is_whole=True)
    assert read_export(folder) == ROWS[:13]


def test_the_next_export_mends_a_copy_whose_rows_are_missing(folder: Path) -> None:
    remove_part(folder)
    refresh_export(FakeLedger(ROWS[:13]), folder)
    assert read_export(folder) == ROWS[:13]
    assert list_parts(folder) == []


def test_a_copy_without_its_last_part_is_an_older_copy(folder: Path) -> None:
    list_parts(folder)[2].path.unlink()
    assert read_export(folder) == ROWS[:9]
    with open_reigns(folder) as reigns:
        assert isinstance(reigns, FollowedRows)
        assert reigns.read_all() == reigns_of(ROWS[:9])
    refresh_export(FakeLedger(ROWS[:12]), folder)
    assert read_export(folder) == ROWS[:12]


def test_a_part_that_knows_more_than_the_ledger_is_a_witness(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for rows in (ROWS[:11], [*ROWS[:11], ROWS[11].model_copy(update={"entry_hash": "f" * 64})]):
        with pytest.raises(LedgerTamperedError, match=r"holds 12 sound rows that the ledger"):
            refresh_export(FakeLedger(rows), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    refresh_export(FakeLedger(ROWS[:11]), folder, force=True)
    assert read_export(folder) == ROWS[:11]
    assert list_parts(folder) == []


def test_a_part_that_was_edited_is_no_witness(folder: Path) -> None:
    edited = [row.model_copy(update={"entry_hash": "f" * 64}) if row.sequence == 8 else row for row in ROWS[:12]]
    export_ledger(edited[6:9], folder / "other")
    (folder / "other" / LEDGER_FILE).replace(list_parts(folder)[1].path)
    refresh_export(FakeLedger(ROWS[:12]), folder)
    assert read_export(folder) == ROWS[:12]


def test_files_that_are_put_together_while_somebody_reads_are_read_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, n_reads = copied_rows._read_file, 0

    def put_together_meanwhile(connection: object, path: Path, known: Sequence[LedgerEntry]) -> list[LedgerEntry]:
        nonlocal n_reads
        n_reads += 1
        if n_reads == 3:
            refresh_export(FakeLedger(ROWS[:13]), folder, is_whole=True)
        return read(connection, path, known)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(copied_rows, "_read_file", put_together_meanwhile)
    assert read_export(folder) == ROWS[:13]


@pytest.mark.parametrize("behind", [0, 2])
@pytest.mark.parametrize("ask", ["rows", "head", "files"])
def test_a_first_file_that_is_replaced_before_the_parts_are_looked_for_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ask: str, behind: int
) -> None:
    find, is_replaced = copied_rows.list_parts, False

    def replace_before(asked: Path) -> list[copied_rows.Part]:
        nonlocal is_replaced
        if not is_replaced:
            is_replaced = True
            refresh_export(FakeLedger(ROWS[:13]), folder, is_whole=True)
            if behind:
                refresh_export(FakeLedger(ROWS[: 13 + behind]), folder)
        return find(asked)

    n_rows = 13 + behind
    with closing(open_memory()) as connection:
        monkeypatch.setattr(copied_rows, "list_parts", replace_before)
        if ask == "rows":
            assert read_export(folder) == ROWS[:n_rows]
        elif ask == "head":
            head = read_head(connection, folder)
            assert head is not None
            assert (head.n_rows, head.last, head.last_hash) == (n_rows, n_rows, ROWS[n_rows - 1].entry_hash)
        else:
            with ReignsFile(folder) as reigns:
                found = reigns.read_excerpt(ROWS[11].sequence)
            assert found is not None
            assert found.entry_hash == ROWS[11].entry_hash


def test_a_part_that_goes_while_the_files_are_told_apart_is_no_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, is_done = reigns_file.list_parts, False

    def put_together_behind(asked: Path) -> list[copied_rows.Part]:
        nonlocal is_done
        found = find(asked)
        if not is_done:
            is_done = True
            refresh_export(FakeLedger(ROWS[:13]), folder, is_whole=True)
        return found

    monkeypatch.setattr(reigns_file, "list_parts", put_together_behind)
    with open_reigns(folder) as reigns:
        assert reigns.read_all() == reigns_of(ROWS[:13])


def test_rows_that_are_known_are_not_made_again(folder: Path) -> None:
    was_at_work = gc.isenabled()
    copied = read_export(folder, ROWS[:12])
    assert all(one is other for one, other in zip(copied, ROWS[:12], strict=True))
    assert gc.isenabled() is was_at_work


@pytest.mark.parametrize("column", COLUMNS)
def test_a_row_that_differs_from_the_known_one_is_read_as_it_is_written(folder: Path, column: str) -> None:
    """Whatever the column: a row of the copy counts as known only where all of it is the same."""
    known = [*ROWS[:8], ROWS[8].model_copy(update={column: "other"}), *ROWS[9:12]]
    copied = read_export(folder, known)
    assert copied == ROWS[:12]
    assert [one is other for one, other in zip(copied, known, strict=True)].count(False) == 1


def find_in_copy(folder: Path, rows: list[LedgerEntry]) -> list[str]:
    return [
        fault.what
        for fault in check_copy(
            rows, lambda known: read_export(folder, known), lambda: read_reigns(folder), lambda: read_status(folder)
        )
    ]


def test_a_table_whose_lines_do_not_follow_from_the_rows_is_a_fault(folder: Path) -> None:
    """The lines before those that new rows touch are taken from the file: what somebody wrote there would stay."""
    assert find_in_copy(folder, ROWS[:12]) == []
    path, other = folder / STATUS_FILE, folder / "other.parquet"
    with closing(open_memory()) as connection:
        [found] = connection.execute(
            "SELECT map(list(decode(key)), list(decode(value))) FROM parquet_kv_metadata(?)", [str(path)]
        ).fetchone() or [{}]
        noted = ", ".join(f"{name}: '{found[name]}'" for name in ("made_of_rows", "last_of_them"))
        lines = f"SELECT * REPLACE ('promoted' AS what_happened) FROM read_parquet('{path}')"  # noqa: S608 - a test's own
        connection.execute(f"COPY ({lines}) TO '{other}' (FORMAT parquet, KV_METADATA {{{noted}}})")
    other.replace(path)
    refresh_export(FakeLedger(ROWS[:13]), folder)
    said = "line 2 of the table registry_status of the copy does not follow from its rows"
    assert find_in_copy(folder, ROWS[:13]) == [said]
    refresh_export(FakeLedger(ROWS[:13]), folder, is_whole=True)
    assert find_in_copy(folder, ROWS[:13]) == []
    path.write_bytes(b"no parquet")
    assert [what.partition(" cannot be read")[0] for what in find_in_copy(folder, ROWS[:13])] == [
        f"the exported table {path}"
    ]
    path.unlink()
    assert find_in_copy(folder, ROWS[:13]) == []


def test_a_copy_of_an_earlier_release_is_continued_by_parts(tmp_path: Path) -> None:
    export_ledger(ROWS[:5], tmp_path)
    refresh_export(FakeLedger(ROWS[:7]), tmp_path)
    assert [part[:2] for part in list_parts(tmp_path)] == [(6, 7)]
    with closing(open_memory()) as connection:
        head = read_head(connection, tmp_path)
    assert head is not None
    assert (head.n_rows, head.last, head.last_hash) == (7, 7, ROWS[6].entry_hash)


@settings(max_examples=20, deadline=None)
@given(ledgers())
def test_rows_that_do_not_move_leave_the_reigns_as_they_are(rows: list[LedgerEntry]) -> None:
    for n_rows in range(1, len(rows) + 1):
        if rows[n_rows - 1].kind not in MOVING:
            assert reigns_of(rows[:n_rows]) == reigns_of(rows[: n_rows - 1])


def test_a_file_that_was_replaced_by_one_that_looks_the_same_is_read_as_it_is(tmp_path: Path) -> None:
    """The process's DuckDB keeps nothing of what it has read."""
    path = tmp_path / LEDGER_FILE
    export_ledger(ROWS[:5], tmp_path)
    assert read_export(tmp_path) == ROWS[:5]
    seen = path.stat()
    other = [*ROWS[:4], ROWS[4].model_copy(update={"entry_hash": ROWS[4].entry_hash[::-1]})]
    export_ledger(other, tmp_path)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)
    assert read_export(tmp_path) == other
