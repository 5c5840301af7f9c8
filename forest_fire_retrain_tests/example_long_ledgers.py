"""Ledgers of many decisions, sound in every row, written in bulk: for benchmarks and tests of what must stay flat.

One model decides once a week. In each ten weeks six candidates are worse than the champion and three better, which is
not enough beside these six; the tenth is judged on the better ones alone and is promoted. Everything `verify` takes
again from the rows comes out as it is written.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from forest_fire_retrain.adapters.ledger_migrations import KNOWN_VERSION
from forest_fire_retrain.adapters.ledger_schema import COLUMNS, NAMES, SCHEMA
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.decision.case import Case
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.drafts import draft_confirmation, draft_decision
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, LedgerEntry, Stamp, seal
from forest_fire_retrain_tests.example_evidence import (
    DAY,
    DELAY_DAYS,
    GAP_DAYS,
    MODEL,
    WEEK,
    example_champion,
    example_payload,
    example_window,
    findings,
    inaugural_case,
)

FIRST = dt.datetime(2024, 1, 22, 6, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ROUND, FIRST_BETTER = 10, 6
"""Weeks between promotions, and the place of the first better candidate among them."""
WORSE, BETTER, SPREAD = -12.0, 5.0, 1.0
ROWS_AT_ONCE = 2_000
QUALITY = {model: {f"figure_{n}": n / 7 for n in range(40)} for model in ("champion", "challenger", "climatology")}
"""As many bytes as the payloads of a park have."""


def draw_long_ledger(n_decisions: int, first: int = 0, before: LedgerEntry | None = None) -> Iterator[LedgerEntry]:
    """Sealed rows of `n_decisions` weeks from week `first` on, behind the row `before`; promotions are confirmed."""
    sequence, last_hash = (0, GENESIS_HASH) if before is None else (before.sequence, before.entry_hash)

    def sealed(draft: EntryDraft) -> LedgerEntry:
        nonlocal sequence, last_hash
        entry = seal(draft, sequence + 1, last_hash)
        sequence, last_hash = entry.sequence, entry.entry_hash
        return entry

    for week in range(first, first + n_decisions):
        intent = sealed(decide_week(week))
        yield intent
        if intent.outcome is Outcome.PROMOTED:
            later = Stamp(intent.recorded_at + MINUTE, "schedule", "schedule")
            yield sealed(draft_confirmation(intent, week // ROUND + 1, later))


def decide_week(week: int) -> EntryDraft:
    """The live decision of a week, by the rule, on the windows that the weeks before left."""
    stamp = Stamp(FIRST + week * WEEK, "schedule", "schedule")
    champion, place = (week - 1) // ROUND + 1, (week - 1) % ROUND
    case = inaugural_case([BETTER]) if week == 0 else _case_of(week, champion, place)
    return draft_decision(
        example_payload(case, week).model_copy(update={"quality": QUALITY}),
        model_name=MODEL,
        idempotency_key=fingerprint_text(f"week {week}"),
        champion=None if week == 0 else champion,
        stamp=stamp,
    )


def _case_of(week: int, champion: int, place: int) -> Case:
    pooled = range(FIRST_BETTER if place == ROUND - 1 else 0, place)
    windows = [
        example_window(week - place + at, _gain(at), champion_version=champion, champion_cutoff=FIRST.date())
        for at in (*pooled, place)
    ]
    as_of = windows[-1].window.end + DELAY_DAYS * DAY
    return Case(
        as_of=as_of,
        newest=windows[-1],
        earlier=tuple(windows[:-1]),
        dropped={},
        champion=example_champion(as_of - 100 * DAY, version=champion),
        training_hash="a" * 64,
        prediction_hash="b" * 64,
        gap_days=GAP_DAYS,
        guardrails=findings(),
    )


def _gain(place: int) -> float:
    return (WORSE if place < FIRST_BETTER else BETTER) + (SPREAD if place % 2 else -SPREAD)


def write_long_ledger(path: Path, n_decisions: int) -> LedgerEntry:
    """A ledger's file of so many decisions, which must not be there yet; its last row."""
    waiting = list[LedgerEntry]()
    with closing(duckdb.connect(path)) as connection:
        connection.execute(f"SET TimeZone = 'UTC'; BEGIN; {SCHEMA}")
        connection.execute("INSERT INTO schema_version VALUES (?, ?)", [KNOWN_VERSION, FIRST])
        for row in draw_long_ledger(n_decisions):
            waiting.append(row)
            if len(waiting) == ROWS_AT_ONCE:
                insert_rows(connection, waiting)
                waiting.clear()
        if waiting:
            insert_rows(connection, waiting)
        connection.execute("COMMIT; CHECKPOINT")
    return row


def insert_rows(connection: duckdb.DuckDBPyConnection, rows: Sequence[LedgerEntry]) -> None:
    """Put sealed rows into the table, past everything that the ledger's own way looks at."""
    kinds = {name: kind.split()[0] for name, kind in COLUMNS.items()}
    selected = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in kinds.values())
    values = [[getattr(row, name) for row in rows] for name in kinds]
    connection.execute(f"INSERT INTO ledger ({NAMES}) SELECT {selected}", values)
