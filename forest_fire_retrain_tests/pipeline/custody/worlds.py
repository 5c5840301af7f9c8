"""Ledgers and registries between a decision and its promotion, which tests cut anywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.pipeline.custody.promoting import Settlement, settle
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    STAMP,
    candidate_of_week,
    decision_draft,
    rollback_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger
from forest_fire_retrain_tests.fakes.registry import FakeRegistry


class CutError(Exception):
    """The process died here."""


class World(NamedTuple):
    """A ledger and a registry."""

    ledger: FakeLedger
    registry: FakeRegistry

    def settle(self) -> Settlement:
        return settle(self.ledger, self.registry, MODEL, STAMP)

    def decide(self, *drafts: EntryDraft) -> None:
        """Write intents and carry out each."""
        for row in drafts:
            self.ledger.append(row)
            self.settle()

    def kinds(self) -> list[EntryKind]:
        return [entry.kind for entry in self.ledger.rows]

    def version(self, number: int) -> RegisteredVersion:
        return next(held for held in self.registry.versions(MODEL) if held.version == number)

    def statuses(self) -> dict[int, str]:
        return {held.version: held.tags.get("status", "none") for held in self.registry.versions(MODEL)}

    def last_confirmed(self) -> int | None:
        confirmed = [row.champion_after for row in self.ledger.rows if row.kind is EntryKind.CONFIRMATION]
        return confirmed[-1] if confirmed else None

    @contextmanager
    def watched(self, call: Callable[[str], None]) -> Iterator[None]:
        """Have `call` called before and after every write."""
        held = self.ledger.interrupt, self.registry.interrupt
        self.ledger.interrupt = self.registry.interrupt = call
        try:
            yield
        finally:
            self.ledger.interrupt, self.registry.interrupt = held


def inaugural() -> World:
    """The first promotion is decided."""
    world = World(FakeLedger(), FakeRegistry())
    world.ledger.append(decision_draft(0))
    return world


def succession() -> World:
    """A promotion over version 1 is decided."""
    world = World(FakeLedger(), FakeRegistry())
    world.decide(decision_draft(0))
    world.ledger.append(decision_draft(1, before=1))
    return world


def rolled_back(quarantined_version: int | None = 2) -> World:
    """Version 1 is asked for again in place of version 2."""
    world = World(FakeLedger(), FakeRegistry())
    world.decide(decision_draft(0), decision_draft(1, before=1))
    world.ledger.append(
        rollback_draft(
            1,
            2,
            quarantined_candidate_id=candidate_of_week(1).candidate_id,
            quarantined_version=quarantined_version,
            reason="it missed two fires",
        )
    )
    return world


def points_of(build: Callable[[], World]) -> list[str]:
    """Every point at which an undisturbed walk can be cut, in its order."""
    world, seen = build(), list[str]()
    with world.watched(seen.append):
        world.settle()
    return seen


def cut_at(world: World, place: int) -> bool:
    """Settle until the `place`-th point; whether the walk got there."""
    n_left = place

    def count_down(_point: str) -> None:
        nonlocal n_left
        if n_left == 0:
            raise CutError
        n_left -= 1

    with world.watched(count_down):
        try:
            world.settle()
        except CutError:
            return True
    return False
