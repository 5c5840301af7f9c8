"""Candidates in shadow on fakes, and what is asked of them."""

import datetime as dt

import pyarrow.compute as pc

from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.shadow_times import ShadowTime
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import midnight
from forest_fire_retrain.pipeline.custody.verifying import check_decisions, check_intents, check_words
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication, adjudicate_partition
from forest_fire_retrain.pipeline.retraining.giving_verdicts import Verdicts, give_verdicts
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_park import Bench, decided_bench
from forest_fire_retrain_tests.fakes.lake import falls_into

N_DAYS = 14
DAY = dt.timedelta(days=1)


def decide_with_shadow(bench: Bench, period: int, n_days: int = N_DAYS) -> Adjudication:
    """Adjudicate a period whose candidate goes through a shadow time if it would be promoted."""
    question = bench.question(period)._replace(shadow_days=n_days)
    return adjudicate_partition(bench.stores, question, bench.stamp(period))


def in_shadow() -> Bench:
    """Version 1 is champion, and the candidate of period 1 is in shadow."""
    bench = decided_bench(0)
    decide_with_shadow(bench, 1)
    return bench


def shadow_of(bench: Bench) -> ShadowTime:
    return fold(bench.ledger.rows).in_shadow[0]


def ask(bench: Bench, through: dt.date, days_later: int = 0) -> Verdicts:
    """Ask on a day, or some days later with the same day in mind."""
    asked_at = midnight(through + days_later * DAY) + dt.timedelta(hours=1)
    return give_verdicts(bench.stores, MODEL, through=through, stamp=bench.stamp(1)._replace(recorded_at=asked_at))


def hide_fires(bench: Bench, shadow: ShadowTime) -> None:
    """No report of the shadow days and the two weeks before them arrives."""
    held, mark = bench.lake.read(TableName.FIRES), bench.lake.complete_through(TableName.FIRES)
    inside = falls_into(held["date"], shadow.days.model_copy(update={"start": shadow.days.start - 14 * DAY}))
    bench.lake.overwrite(TableName.FIRES, held.filter(pc.invert(inside)))
    bench.lake.append(TableName.FIRES, held.slice(0, 0), through=mark)


def faults_of(bench: Bench) -> list[str]:
    """What verify says of the rows."""
    rows = bench.ledger.rows
    state = fold(rows)
    return [str(fault) for fault in (*check_intents(state, rows), *check_decisions(state, rows), *check_words(rows))]


def shadow_times(bench: Bench) -> list[ShadowTime]:
    return fold(bench.ledger.rows).in_shadow


def without_page(row: LedgerEntry) -> dict[str, object]:
    """What a row embeds; the page names the run that made it."""
    return {name: value for name, value in row.payload.items() if name != "page_sha256"}
