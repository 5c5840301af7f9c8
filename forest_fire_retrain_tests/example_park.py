"""A small simulated park in a lake, and partitions of four weeks on it, held out and trained once.

What is cached is never handed out itself: every caller gets a lake and a tracker of its own.
"""

import datetime as dt
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forest_fire_retrain.adapters.duckdb_engine import DuckDbEngine
from forest_fire_retrain.adapters.optuna_search import OptunaSearch
from forest_fire_retrain.adapters.simulator import Simulator, SimulatorConfig
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.ports import Stores, Workshop
from forest_fire_retrain.core.records import Candidate, Environment, HoldoutSet, Knowledge, Snapshot
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import Interval, RetrainingWindows, WindowPolicy, midnight, plan_windows
from forest_fire_retrain.pipeline.preparing.comparing_deliveries import Intake
from forest_fire_retrain.pipeline.preparing.featuring import build_features
from forest_fire_retrain.pipeline.preparing.holding_out import set_holdout_apart
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain.pipeline.preparing.snapshots import take_snapshot
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication, adjudicate_partition
from forest_fire_retrain.pipeline.retraining.judging import Question
from forest_fire_retrain.pipeline.retraining.training_candidates import train_candidate
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_models import SMALL_LOGISTIC
from forest_fire_retrain_tests.fakes.lake import FakeLake, falls_into
from forest_fire_retrain_tests.fakes.ledger import FakeLedger
from forest_fire_retrain_tests.fakes.records import FakeRecordStore
from forest_fire_retrain_tests.fakes.registry import FakeRegistry
from forest_fire_retrain_tests.fakes.tracker import FakeTracker

HISTORY = Interval(start=dt.date(2022, 1, 3), end=dt.date(2024, 12, 30))
FIRST_PARTITION = dt.date(2024, 5, 27)
PERIOD_DAYS, N_PARK_CELLS = 28, 20
POLICY = WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=420, min_training_days=400)
ENGINE = DuckDbEngine()
ENVIRONMENT = Environment(python_version="3.11", package_versions={}, code_version="c" * 64, n_threads=1)
EAGER = DecisionRule(
    refresh_age_days=1,
    refresh_confidence=0.5,
    refresh_margin=0.9,
    refresh_min_gain=-1.0,
    own_window_confidence=0.999,
    superior_confidence=0.999,
)
"""Promotes nearly every candidate that passes the guardrails: a refresh that is due after a day."""


class Prepared(NamedTuple):
    """A partition whose candidate is trained, and where its model lies."""

    holdout: HoldoutSet
    candidate: Candidate
    tracker: FakeTracker


def windows_of(period: int) -> RetrainingWindows:
    """Windows of a partition, counted from `FIRST_PARTITION`."""
    start = FIRST_PARTITION + dt.timedelta(days=period * PERIOD_DAYS)
    return plan_windows(Interval(start=start, end=start + dt.timedelta(days=PERIOD_DAYS)), HISTORY.start, POLICY)


@lru_cache
def _filled_lake() -> FakeLake:
    source = Simulator(SimulatorConfig(n_cells=N_PARK_CELLS, fire_rate=0.05), HISTORY.start)
    lake = FakeLake()
    intake = Intake(source, lake, ENGINE, ParkCalendar(HISTORY.start))
    ingest_weather(intake, HISTORY)
    ingest_fire_reports(intake, HISTORY)
    build_features(lake, ENGINE, HISTORY, intake.calendar)
    return lake


def example_lake() -> FakeLake:
    """Three years of twenty cells, with features."""
    return FakeLake(tables={name: list(versions) for name, versions in _filled_lake().tables.items()})


def hold_out(lake: FakeLake, period: int, snapshot: Snapshot | None = None) -> HoldoutSet:
    """The holdout of a partition as known at its cut-off, or as `snapshot` says."""
    windows = windows_of(period)
    taken = snapshot or take_snapshot(lake, windows, None, Knowledge.LIVE)
    return set_holdout_apart(lake, ENGINE, FakeRecordStore(), windows, taken)


def train(lake: FakeLake, tracker: FakeTracker, holdout: HoldoutSet) -> Candidate:
    """The candidate of a holdout."""
    return train_candidate(
        Workshop(lake, ENGINE, FakeRecordStore(), tracker, tracker, OptunaSearch()),
        holdout=holdout,
        recipe=SMALL_LOGISTIC,
        seed=1,
        environment=ENVIRONMENT,
        tags={"dagster_run_id": "run-a", "partition": holdout.windows.partition_key},
    )


@lru_cache
def _prepare(period: int) -> Prepared:
    lake, tracker = example_lake(), FakeTracker()
    holdout = hold_out(lake, period)
    return Prepared(holdout, train(lake, tracker, holdout), tracker)


class Bench(NamedTuple):
    """All stores of one test, in memory."""

    lake: FakeLake
    tracker: FakeTracker
    registry: FakeRegistry
    ledger: FakeLedger
    records: FakeRecordStore

    @property
    def stores(self) -> Stores:
        """As the pipeline wants them."""
        return Stores(self.lake, ENGINE, self.tracker, self.registry, self.ledger, self.records)

    def kinds(self) -> list[str]:
        """What the ledger's rows are."""
        return [str(entry.kind) for entry in self.ledger.rows]

    def live_decisions(self) -> dict[str, LedgerEntry]:
        """Partition key to live decision."""
        return {str(row.partition_key): row for row in self.ledger.rows if row.kind is EntryKind.DECISION}

    def champion(self) -> int | None:
        """The champion, on which ledger and registry agree."""
        found = fold(self.ledger.rows).champion
        assert self.registry.champion(MODEL) == found
        return found

    def remove_fires(self, period: int, *, keep_one_in: int) -> pa.Table:
        """Take most reports of a holdout window out of the lake; the reports taken."""
        window = windows_of(period).holdout
        held = self.lake.read(TableName.FIRES)
        numbers = np.array([int(fire[1:]) for fire in held["fire_id"].to_pylist()])
        inside = falls_into(held["date"], window).to_numpy() & (numbers % keep_one_in != 0)
        self.lake.overwrite(TableName.FIRES, held.filter(pa.array(~inside)))
        return held.filter(pa.array(inside))

    def copy(self) -> "Bench":
        """The same stores; what is written to the copy does not reach this one."""
        held = self.registry
        models = {name: dict(versions) for name, versions in held.models.items()}
        return Bench(
            FakeLake(tables={name: list(versions) for name, versions in self.lake.tables.items()}),
            FakeTracker(list(self.tracker.runs), dict(self.tracker.models), dict(self.tracker.digests)),
            FakeRegistry(
                models=models,
                aliases=dict(held.aliases),
                n_registered=dict(held.n_registered),
                addresses=dict(held.addresses),
            ),
            FakeLedger(list(self.ledger.rows)),
            FakeRecordStore(pages=dict(self.records.pages)),
        )

    def decide(self, *periods: int, rule: DecisionRule = EAGER) -> Adjudication:
        """Adjudicate the periods in their order; the last one's answer."""
        answers = [adjudicate_partition(self.stores, self.question(p, rule), self.stamp(p)) for p in periods]
        return answers[-1]

    def stamp(self, period: int, run: str | None = None) -> Stamp:
        """That of the partition, or as late as the last row: a clock that goes back writes nothing."""
        own = stamp_of(period, run)
        rows = self.ledger.rows
        return own if not rows else own._replace(recorded_at=max(own.recorded_at, rows[-1].recorded_at))

    def question(self, period: int, rule: DecisionRule = EAGER) -> Question:
        """The question of a partition as known at its cut-off in the untouched lake; its model is in the tracker."""
        prepared = _prepare(period)
        uri = f"models:/period-{period}"
        stored = prepared.candidate.stored.model_copy(update={"model_uri": uri})
        if uri not in self.tracker.models:
            self.tracker.models[uri] = prepared.tracker.models[prepared.candidate.stored.model_uri]
            self.tracker.digests[uri] = stored.artifact_sha256
        candidate = prepared.candidate.model_copy(update={"stored": stored})
        return Question(MODEL, prepared.holdout, candidate, rule)

    def ask_again(self, period: int, snapshot: Snapshot, rule: DecisionRule = EAGER) -> Question:
        """The question of a partition, held out and trained anew as `snapshot` says."""
        holdout = hold_out(self.lake, period, snapshot)
        return Question(MODEL, holdout, train(self.lake, self.tracker, holdout), rule)


def empty_bench() -> Bench:
    """A filled lake, and nothing decided."""
    return Bench(example_lake(), FakeTracker(), FakeRegistry(), FakeLedger(), FakeRecordStore())


@lru_cache
def _decide(periods: tuple[int, ...], rule: DecisionRule) -> Bench:
    bench = empty_bench() if len(periods) == 1 else _decide(periods[:-1], rule).copy()
    bench.decide(periods[-1], rule=rule)
    return bench


def decided_bench(*periods: int, rule: DecisionRule = EAGER) -> Bench:
    """A filled lake, and these periods decided in their order."""
    return _decide(periods, rule).copy()


def stamp_of(period: int, run: str | None = None) -> Stamp:
    """Written an hour after the partition's end, in a run of its own unless told."""
    recorded_at = midnight(windows_of(period).as_of) + dt.timedelta(hours=1)
    return Stamp(recorded_at, "schedule", "schedule", run or f"run-of-{period}")
