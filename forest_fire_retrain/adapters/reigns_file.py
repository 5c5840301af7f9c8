"""The reigns in the ledger's lock-free copy: who was in production at an instant, without reading every row.

Rules
-----
- `reigns.parquet` is derived: where it is missing, of another release's form, or was made of other rows than the copy
  holds, the rows are read and followed instead. The answers are the same.
- Values reach DuckDB as parameters, never as text.
- Of the rows of the ledger only the one is read that a question needs.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import duckdb

from forest_fire_retrain.adapters.copied_rows import list_files, list_parts, try_again
from forest_fire_retrain.adapters.duckdb_paths import only, quoted
from forest_fire_retrain.adapters.ledger_schema import LEDGER_FILE
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.reigns import Movement, Reign, Sighting, reign_for, reigns_of

if TYPE_CHECKING:
    import pyarrow as pa

REIGNS_FILE = "reigns.parquet"
REIGN_COLUMNS = {
    "model_name": "VARCHAR",
    "version": "INTEGER",
    "decision_id": "VARCHAR",
    "as_of": "DATE",
    "began_by": "VARCHAR",
    "why": "VARCHAR",
    "since": "TIMESTAMPTZ",
    "decided_at": "TIMESTAMPTZ",
    "confirmed_at": "TIMESTAMPTZ",
    "intent_row": "BIGINT",
    "confirmation_row": "BIGINT",
    "origin_row": "BIGINT",
    "origin_since": "TIMESTAMPTZ",
    "until": "TIMESTAMPTZ",
    "ended_by": "VARCHAR",
    "next_version": "INTEGER",
    "why_ended": "VARCHAR",
    "seen_rows": "BIGINT[]",
    "seen_at": "TIMESTAMPTZ[]",
    "seen_versions": "INTEGER[]",
    "seen_repairs": "BOOLEAN[]",
}
SIGHTING_COLUMNS = ("seen_rows", "seen_at", "seen_versions", "seen_repairs")
REIGN_NAMES = ", ".join(f'"{name}"' for name in REIGN_COLUMNS)
MADE_BESIDE, FORMAT_NOTE = "made_beside", "format"
FORMAT = "02"
"""Raised with every change of the columns, or of how reigns follow from rows."""
END_BYTES = 4096
END_OF_TIME = dt.datetime.max.replace(tzinfo=dt.UTC)


def row_of(reign: Reign) -> SimpleNamespace:
    """A reign with the columns of the file as its attributes."""
    seen = reign.sightings
    return SimpleNamespace(
        **reign._asdict(),
        seen_rows=[one.row for one in seen],
        seen_at=[one.recorded_at for one in seen],
        seen_versions=[one.version for one in seen],
        seen_repairs=[one.is_repair for one in seen],
    )


def _reign_of_row(row: tuple[object, ...]) -> Reign:
    """The reign of a row of all columns; instants in UTC."""
    fields: dict[str, Any] = {
        name: value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
        for name, value in zip(REIGN_COLUMNS, row, strict=True)
    }
    rows, instants, *rest = (fields.pop(name) for name in SIGHTING_COLUMNS)
    seen = zip(rows, (instant.astimezone(dt.UTC) for instant in instants), *rest, strict=True)
    fields["sightings"] = tuple(Sighting(*one) for one in seen)
    fields["began_by"] = Movement(fields["began_by"])
    fields["ended_by"] = None if fields["ended_by"] is None else Movement(fields["ended_by"])
    return Reign(**fields)


class Excerpt(NamedTuple):
    """What an answer shows of one row of the ledger; its other columns are not read."""

    sequence: int
    partition_key: str | None
    summary: str
    entry_hash: str
    payload_json: str


EXCERPT_NAMES = ", ".join(f'"{name}"' for name in Excerpt._fields)


class Span(NamedTuple):
    """From an instant to another one, which is not part of it."""

    first: dt.datetime
    end: dt.datetime


class ReignsFile(AbstractContextManager["ReignsFile"]):
    """The reigns of an exported ledger, opened for one question or many.

    Parameters
    ----------
    folder : Path
        The folder of the export.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._ledger, self._reigns = folder, folder / LEDGER_FILE, folder / REIGNS_FILE
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true")

    def __enter__(self) -> Self:
        """Ask."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self._connection.close()

    def is_current(self) -> bool:
        """Whether the file is there, in the form of this release, and was made of the rows that the copy holds."""
        if not self._reigns.exists() or not self._ledger.exists():
            return False
        return _read_notes(self._connection, self._reigns) == notes_beside(self._ledger)

    def is_of_other_form(self) -> bool:
        """Whether another release wrote the file, in a form of its own."""
        notes = _read_notes(self._connection, self._reigns)
        return MADE_BESIDE in notes and notes.get(FORMAT_NOTE) != FORMAT

    def read_all(self, model_name: str | None = None) -> list[Reign]:
        """Every reign, of one model or of all, by model and time."""
        condition = "TRUE" if model_name is None else "model_name = $model"
        parameters = {} if model_name is None else {"model": model_name}
        return self._select(f"{condition} ORDER BY model_name, since, confirmation_row", **parameters)

    def around(
        self, model_name: str, instant: dt.datetime, known_at: dt.datetime | None, held_in: Span | None = None
    ) -> list[Reign]:
        """The reigns that an answer for `instant` needs, by time.

        Parameters
        ----------
        model_name : str
            The registered model.
        instant : datetime.datetime
            When.
        known_at : datetime.datetime, optional
            Only reigns that had begun by then.
        held_in : Span, optional
            Also the reigns that held in a part of it.

        Returns
        -------
        list of Reign
            At least the one that held, those decided by then and confirmed later, and those that held in `held_in`;
            each as all rows tell it (`Reign.as_known_at` forgets what was recorded later).
        """
        known = END_OF_TIME if known_at is None else known_at
        first, end = (None, None) if held_in is None else held_in
        return self._select(
            "model_name = $model AND since <= $known AND ("
            "(since <= $instant AND (until IS NULL OR $instant < until)) "
            "OR (decided_at <= $instant AND $instant < since) "
            "OR (since < $last AND (until IS NULL OR until > $first))) ORDER BY since, confirmation_row",
            model=model_name,
            known=known,
            instant=min(instant, known),
            first=first,
            last=end,
        )

    def first(self, model_name: str, known_at: dt.datetime | None) -> Reign | None:
        """The first reign of a model that had begun by `known_at`."""
        known = END_OF_TIME if known_at is None else known_at
        rows = self._select(
            "model_name = $model AND since <= $known ORDER BY since LIMIT 1", model=model_name, known=known
        )
        return next(iter(rows), None)

    def by_partition_time(self, model_name: str, day: dt.date, known_at: dt.datetime | None) -> Reign | None:
        """As `reigns.reign_for`: the reign that a prediction made afterwards takes for `day`."""
        known = END_OF_TIME if known_at is None else known_at
        rows = self._select(
            "model_name = $model AND since <= $known AND as_of <= $day ORDER BY confirmation_row DESC LIMIT 1",
            model=model_name,
            known=known,
            day=day,
        )
        return next(iter(rows), None)

    def model_names(self) -> list[str]:
        """Every model that the ledger has a row about, sorted."""
        sql = "SELECT DISTINCT model_name FROM read_parquet(?) ORDER BY model_name"
        return [str(name) for (name,) in self._fetch_rows(sql)]

    def read_excerpt(self, sequence: int, known_at: dt.datetime | None = None) -> Excerpt | None:
        """What an answer shows of one row, if it was recorded by `known_at`; only its group is read."""
        known = END_OF_TIME if known_at is None else known_at
        sql = f"SELECT {EXCERPT_NAMES} FROM read_parquet(?) WHERE sequence = ? AND recorded_at <= ?"  # noqa: S608 - constants
        rows = self._fetch_rows(sql, sequence, known, row=sequence)
        return Excerpt(*rows[0]) if rows else None  # type: ignore[arg-type] # columns that are never null

    def answer_all(self, questions: "pa.Table", known_at: dt.datetime | None = None) -> "pa.Table":
        """The champions of many instants in one join.

        Parameters
        ----------
        questions : pyarrow.Table
            Columns `model_name` and `instant` (with a time zone); further ones are passed through.
        known_at : datetime.datetime, optional
            Use no row that was recorded after it.

        Returns
        -------
        pyarrow.Table
            A row per question, in no particular order: its columns, then `version`, `decision_id`, `origin_row` and
            `since`, which are null where no version was in production.

        Raises
        ------
        LedgerError
            If the file cannot be read.
        """
        known = END_OF_TIME if known_at is None else known_at
        sql = (  # rows known later are left out first: an ASOF JOIN takes one inequality
            "SELECT q.*, r.version, r.decision_id, r.origin_row, r.since FROM questions q ASOF LEFT JOIN ("
            "SELECT model_name, version, decision_id, origin_row, since FROM read_parquet($path) "
            "WHERE since <= $known AND (until IS NULL OR since < until)"
            ") r ON q.model_name = r.model_name AND q.instant >= r.since"
        )
        try:
            with self._connection.cursor() as cursor:
                cursor.register("questions", questions)
                cursor.execute("SET TimeZone = 'UTC'")
                return cursor.sql(sql, params={"path": only(self._reigns), "known": known}).to_arrow_table()
        except duckdb.Error as error:
            raise _unreadable(self._reigns, error) from error

    def _select(self, condition: str, **parameters: object) -> list[Reign]:
        sql = f"SELECT {REIGN_NAMES} FROM read_parquet($path) WHERE {condition}"  # noqa: S608 - constants of this class
        rows = self._fetch(sql, {"path": only(self._reigns), **parameters}, self._reigns)
        return [_reign_of_row(row) for row in rows]

    def _fetch_rows(self, sql: str, *values: object, row: int | None = None) -> list[tuple[object, ...]]:
        """Ask the files of rows, which stand before `values`; those that may hold `row` alone, if one is named."""

        def ask() -> list[tuple[object, ...]]:
            files = list_files(self._connection, self._folder, row)
            return self._connection.execute(sql, [files, *values]).fetchall()

        try:
            return try_again(ask)
        except duckdb.Error as error:
            raise _unreadable(self._ledger, error) from error

    def _fetch(self, sql: str, parameters: list[object] | dict[str, object], path: Path) -> list[tuple[object, ...]]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except duckdb.Error as error:
            raise _unreadable(path, error) from error


class FollowedRows(AbstractContextManager["FollowedRows"]):
    """The same answers from all rows of an export, where `reigns.parquet` is missing or of other rows.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows, in their order.

    Raises
    ------
    LedgerError
        If a row does not hold what its kind needs.
    """

    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self._entries = entries
        self._reigns = reigns_of(entries)

    def __enter__(self) -> Self:
        """Ask."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def read_all(self, model_name: str | None = None) -> list[Reign]:
        """Every reign, of one model or of all, by model and time."""
        return [reign for reign in self._reigns if model_name in (None, reign.model_name)]

    def around(
        self,
        model_name: str,
        instant: dt.datetime,  # noqa: ARG002 - all reigns are at hand
        known_at: dt.datetime | None,
        held_in: Span | None = None,  # noqa: ARG002 - as above
    ) -> list[Reign]:
        """All reigns of the model that had begun by `known_at`, by time."""
        return [reign for reign in self.read_all(model_name) if known_at is None or reign.since <= known_at]

    def first(self, model_name: str, known_at: dt.datetime | None) -> Reign | None:
        """The first reign of a model that had begun by `known_at`."""
        return next(iter(self.around(model_name, END_OF_TIME, known_at)), None)

    def by_partition_time(self, model_name: str, day: dt.date, known_at: dt.datetime | None) -> Reign | None:
        """As `reigns.reign_for`: the reign that a prediction made afterwards takes for `day`."""
        known = self.around(model_name, END_OF_TIME, known_at)
        return reign_for(sorted(known, key=lambda reign: reign.confirmation_row), day)

    def model_names(self) -> list[str]:
        """Every model that the ledger has a row about, sorted."""
        return sorted({entry.model_name for entry in self._entries})

    def read_excerpt(self, sequence: int, known_at: dt.datetime | None = None) -> Excerpt | None:
        """What an answer shows of one row, if it was recorded by `known_at`."""
        found = next((entry for entry in self._entries if entry.sequence == sequence), None)
        if found is None or (known_at is not None and found.recorded_at > known_at):
            return None
        return Excerpt(*(getattr(found, name) for name in Excerpt._fields))


def read_reigns(folder: Path) -> list[Reign] | None:
    """Every exported reign; `None` where another release exported none, or in a form of its own.

    Raises
    ------
    LedgerError
        If the file cannot be read, or was made of other rows than the copy holds.
    """
    if not (folder / REIGNS_FILE).exists():
        return None
    with ReignsFile(folder) as reigns:
        if reigns.is_of_other_form():
            return None
        if not reigns.is_current():
            msg = f"{folder / REIGNS_FILE} was made of other rows than {LEDGER_FILE} beside it holds, or is damaged"
            raise LedgerError(msg)
        return reigns.read_all()


def read_again(connection: duckdb.DuckDBPyConnection, folder: Path) -> str:
    """A statement for the reigns as they are exported, if they are those of the rows beside; nothing otherwise."""
    path, ledger = folder / REIGNS_FILE, folder / LEDGER_FILE
    is_current = path.exists() and ledger.exists() and _read_notes(connection, path) == notes_beside(ledger)
    return f"SELECT {REIGN_NAMES} FROM read_parquet('{quoted(only(path))}')" if is_current else ""  # noqa: S608 - a path


def _read_notes(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    """What stands in the file's footer; nothing if it cannot be read."""
    sql = "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?) WHERE key IN (?, ?)"
    try:
        return dict(connection.execute(sql, [only(path), MADE_BESIDE, FORMAT_NOTE]).fetchall())
    except duckdb.Error:
        return {}


def notes_beside(ledger: Path) -> dict[str, str]:
    """What stands in the footer of reigns: their form, and beside which files of rows they were made."""
    return {FORMAT_NOTE: FORMAT, MADE_BESIDE: _fingerprint_files(ledger)}


def _fingerprint_files(ledger: Path) -> str:
    """Tells the files of rows from others; where there is one alone, as earlier releases told it."""
    parts = try_again(lambda: [fingerprint_end(part.path) for part in list_parts(ledger.parent)])
    end = fingerprint_end(ledger)
    return end if not parts else hashlib.sha256("".join([end, *parts]).encode()).hexdigest()


def fingerprint_end(path: Path) -> str:
    """Tells a file of rows from another one by its length and its end, where Parquet sums up what is in it."""
    with path.open("rb") as file:
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, n_bytes - END_BYTES))
        return hashlib.sha256(b"%d " % n_bytes + file.read()).hexdigest()


def _unreadable(path: Path, error: Exception) -> LedgerError:
    fault = " ".join(str(error).split("\n")[:2])
    return LedgerError(f"the exported ledger {path} cannot be read: {fault}. Run: forest-fire ledger export")
