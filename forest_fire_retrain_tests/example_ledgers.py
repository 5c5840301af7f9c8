"""Ledgers of several models, drawn at random: promotions, rollbacks, abandoned and open intents, moved aliases.

Rows follow the protocol, as a ledger's do: an intent is closed before the next one of its model. The clock does not: it
stands still, jumps ahead and is moved back.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import count

from hypothesis import strategies as st

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, EntryKind, LedgerEntry, seal
from forest_fire_retrain_tests.example_evidence import FIRST_DAY, NOON, WEEK, draft

MODELS = ("forest_fire_risk", "forest_fire_risk_north", "other")
HOUR = dt.timedelta(hours=1)
STEPS = (
    "promoted",
    "promoted",
    "kept",
    "abandoned",
    "open",
    "rolled back",
    "rollback abandoned",
    "moved",
    "repaired",
    "stray",
)
CLOCK_HOURS = (1, 1, 1, 0, 2, 30, -1, -7)


class OneModel:
    """Drafts the rows of one model, step by step."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.champion: int | None = None
        self.weeks = count()
        self.versions = count(1)
        self.held: list[int] = []
        self.open: EntryDraft | None = None

    def follow(self, step: str) -> Iterator[EntryDraft]:
        """Rows of a step; an intent that an earlier one left open is closed first."""
        if self.open is not None:
            yield from self._confirm(self.open)
        match step:
            case "promoted" | "abandoned" | "open" | "kept":
                yield from self._decide(step)
            case "rolled back" | "rollback abandoned" if self.champion is not None:
                yield from self._roll_back(step)
            case "moved":
                others = [None, *self.held]
                seen = self.champion if next(self.weeks) % 3 == 0 else others[next(self.weeks) % len(others)]
                payload = {"observed": seen, "expected": self.champion}
                yield self._row(EntryKind.EXTERNAL, payload=payload)
            case "repaired":
                yield self._row(EntryKind.REPAIR)
            case _:
                yield self._row(EntryKind.CONFIRMATION, decision_id="of another ledger", champion_after=99)

    def _decide(self, step: str) -> Iterator[EntryDraft]:
        week = next(self.weeks)
        outcome, reason = Outcome.PROMOTED, ReasonCode.SUPERIOR
        if step == "kept":
            outcome, reason = Outcome.KEPT, ReasonCode.NOT_SUPERIOR
        start = FIRST_DAY + week * WEEK
        intent = self._row(
            EntryKind.DECISION,
            partition_key=start.isoformat(),
            as_of=start + WEEK,
            decision_id=f"{self.name} {week}",
            outcome=outcome,
            reason_code=reason,
        )
        yield intent
        yield from self._close(intent, step)

    def _roll_back(self, step: str) -> Iterator[EntryDraft]:
        payload = {"target_version": self.held[0], "reason": f"false alarms {next(self.weeks)}"}
        intent = self._row(EntryKind.ROLLBACK, decision_id=f"{self.name} back {payload['reason']}", payload=payload)
        yield intent
        yield from self._close(intent, step)

    def _close(self, intent: EntryDraft, step: str) -> Iterator[EntryDraft]:
        if "abandoned" in step:
            yield self._row(EntryKind.ABANDONMENT, decision_id=intent.decision_id)
        elif step == "open":
            self.open = intent
        elif intent.outcome is not Outcome.KEPT:
            yield from self._confirm(intent)

    def _confirm(self, intent: EntryDraft) -> Iterator[EntryDraft]:
        self.open = None
        is_rollback = intent.kind is EntryKind.ROLLBACK
        self.champion = self.held[0] if is_rollback else next(self.versions)
        self.held += [] if is_rollback else [self.champion]
        yield self._row(EntryKind.CONFIRMATION, decision_id=intent.decision_id, champion_after=self.champion)

    def _row(self, kind: EntryKind, **fields: object) -> EntryDraft:
        return draft(kind, model_name=self.name, champion_before=self.champion, **fields)


def write_steps(steps: Sequence[tuple[str, str]], hours: Sequence[int]) -> list[LedgerEntry]:
    """The rows of steps, each a model and what happens to it; `hours` lie between one row's clock and the next."""
    rows: list[EntryDraft] = []
    models, clock, passed = {name: OneModel(name) for name in MODELS}, NOON, iter(hours)
    for model, step in steps:
        for row in models[model].follow(step):
            clock += next(passed, 1) * HOUR
            rows.append(row.model_copy(update={"recorded_at": clock}))
    return seal_all(rows)


def seal_all(drafts: Sequence[EntryDraft]) -> list[LedgerEntry]:
    """The rows of a ledger that holds these; sealed past it, because it refuses a clock that was moved back.

    Ledgers of earlier releases hold such rows.
    """
    rows: list[LedgerEntry] = []
    for row in drafts:
        rows.append(seal(row, len(rows) + 1, rows[-1].entry_hash if rows else GENESIS_HASH))
    return rows


def ledgers(n_steps: int = 14) -> st.SearchStrategy[list[LedgerEntry]]:
    """Rows of up to `n_steps` steps of three models."""
    step = st.tuples(st.sampled_from(MODELS), st.sampled_from(STEPS))
    hours = st.lists(st.sampled_from(CLOCK_HOURS), max_size=3 * n_steps)
    return st.builds(write_steps, st.lists(step, max_size=n_steps), hours)


def instants_around(rows: Sequence[LedgerEntry]) -> list[dt.datetime]:
    """Every instant at which an answer may change, and those between."""
    stood = sorted({row.recorded_at for row in rows}) or [NOON]
    return [stood[0] - HOUR, *(instant + half * HOUR / 2 for instant in stood for half in (0, 1))]
