"""The promotion protocol as an I/O-free state machine: look at ledger and registry, name the next step.

Rules
-----
- An intent (a promotion decided, a rollback asked for) is carried out as: register the version, tag it,
  tag the replaced one archived, move the alias, confirm in the ledger. Each step is named only when
  everything before it is seen to be done, so a run that was cut anywhere is finished by the next one:
  carrying out and reconciling are the same walk.
- Compare-and-swap: the alias has to point at the version the intent was judged against, or already at
  the intent's own; else the intent is abandoned with `CHAMPION_CHANGED` and nothing moves.
- A rollback may also move the alias from where the person who asked for it found it: that place stands in
  its row, so a choice made by hand is accepted through the ledger and never beside it.
- Without an open intent, an alias that disagrees with the ledger is recorded as external, once per
  observation; it is never accepted and never moved back silently.
- Status tags follow the ledger: `production`, `archived`, `abandoned`. Versions that the ledger does
  not know are left alone.
- Live decisions are strictly ordered by `as_of`; the same partition with the same idempotency key is the
  existing decision; everything else is a replay.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.payloads import ExternalPayload, RollbackPayload
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.core.ledger.state import LedgerState

STATUS_TAG = "status"
DECISION_TAG = "decision_id"
ORIGIN_TAGS = ("outcome", "reason_code", "as_of", "recipe")


class Status(StrEnum):
    """What a registered version is, as a tag."""

    PRODUCTION = "production"
    ARCHIVED = "archived"
    ABANDONED = "abandoned"


class Standing(StrEnum):
    """What a materialization of a partition is."""

    LIVE = "live"
    EXISTING = "existing"
    REPLAY = "replay"


class RegistryView(NamedTuple):
    """What the registry shows.

    Attributes
    ----------
    alias : int, optional
        The version the alias `champion` points at.
    versions : tuple of RegisteredVersion
        All versions.
    mendable : frozenset of int
        Versions that the registry could be brought to show as they were registered, where somebody asked.
    astray : mapping
        Version to where it leads whoever loads it, where somebody asked and that is not where its model lies.
    """

    alias: int | None
    versions: tuple[RegisteredVersion, ...]
    mendable: frozenset[int] = frozenset()
    astray: Mapping[int, str] = MappingProxyType({})

    def of_decision(self, decision_id: str | None) -> int | None:
        """Version registered for a decision, if any."""
        return next((held.version for held in self.versions if held.tags.get(DECISION_TAG) == decision_id), None)

    def status_of(self, version: int) -> str | None:
        """Status tag of a version; `None` if it has none or does not exist."""
        return next((held.tags.get(STATUS_TAG) for held in self.versions if held.version == version), None)

    def is_described(self, version: int) -> bool:
        """Whether the version carries every tag that says where it comes from."""
        return any(held.version == version and held.tags.keys() >= set(ORIGIN_TAGS) for held in self.versions)

    def has(self, version: int | None) -> bool:
        """Whether the version exists."""
        return any(held.version == version for held in self.versions)


class Register(NamedTuple):
    """Make the intent's candidate a version, and tag where it comes from; done again, it completes the tags."""

    intent: LedgerEntry


class SetStatus(NamedTuple):
    """Tag a version."""

    version: int
    status: Status


class PointAlias(NamedTuple):
    """Move the alias and read it back."""

    version: int


class Confirm(NamedTuple):
    """Write to the ledger that the intent is carried out."""

    intent: LedgerEntry
    version: int


class Abandon(NamedTuple):
    """Write to the ledger that the intent will not be carried out."""

    intent: LedgerEntry
    reason_code: ReasonCode
    because: str


class RecordExternal(NamedTuple):
    """Write to the ledger what the alias says that the ledger does not."""

    observed: int | None
    expected: int | None


Step = Register | SetStatus | PointAlias | Confirm | Abandon | RecordExternal


def next_step(state: LedgerState, view: RegistryView) -> Step | None:
    """The one thing to do next; `None` when ledger and registry agree, or a person has to act."""
    if state.open_intent is not None:
        return _carry_on(state, state.open_intent, view)
    return _note_alias(state, view) or next(iter(find_wrong_statuses(state, view)), None)


def classify(
    state: LedgerState, *, partition_key: str, as_of: dt.date, idempotency_key: str
) -> tuple[Standing, LedgerEntry | None]:
    """What a materialization of a partition is, and the original decision if there is one."""
    original = state.decisions.get(partition_key)
    if original is not None and original.idempotency_key == idempotency_key and original.as_of == state.newest_as_of:
        return Standing.EXISTING, original
    if original is None and (state.newest_as_of is None or as_of > state.newest_as_of):
        return Standing.LIVE, None
    return Standing.REPLAY, original


def _carry_on(state: LedgerState, intent: LedgerEntry, view: RegistryView) -> Step:
    before = intent.champion_before
    version = _target(intent, view)
    allowed = {before, *(() if version is None else (version,)), *_found_at(intent)}
    if state.champion != before or view.alias not in allowed:
        observed = f"the alias points at {view.alias}, the ledger's champion is {state.champion}"
        return Abandon(intent, ReasonCode.CHAMPION_CHANGED, f"{observed}, it was judged against {before}")
    if version is None or (intent.kind is EntryKind.DECISION and not view.is_described(version)):
        return Register(intent)
    if not view.has(version):
        return Abandon(intent, ReasonCode.CHAMPION_CHANGED, f"version {version} is not in the registry")
    wanted = {version: Status.PRODUCTION} | (
        {before: Status.ARCHIVED} if before is not None and before != version and view.has(before) else {}
    )
    for tagged, status in wanted.items():
        if view.status_of(tagged) != status:
            return SetStatus(tagged, status)
    return PointAlias(version) if view.alias != version else Confirm(intent, version)


def _found_at(intent: LedgerEntry) -> set[int | None]:
    """Where the person who rolls back saw the alias; empty for a decision."""
    return RollbackPayload.read(intent).found_at if intent.kind is EntryKind.ROLLBACK else set()


def _target(intent: LedgerEntry, view: RegistryView) -> int | None:
    """The version an intent wants in production; `None` while a decision's is not registered yet."""
    if intent.kind is EntryKind.ROLLBACK:
        return RollbackPayload.read(intent).target_version
    return view.of_decision(intent.decision_id)


def _note_alias(state: LedgerState, view: RegistryView) -> RecordExternal | None:
    """The alias, if it is somewhere else than the ledger saw it last."""
    last_seen = state.champion if state.meddling is None else ExternalPayload.read(state.meddling).observed
    return None if view.alias == last_seen else RecordExternal(view.alias, state.champion)


def find_wrong_statuses(state: LedgerState, view: RegistryView) -> list[SetStatus]:
    """What the status tags should say where they do not follow the ledger, by version."""
    reigned = {reign.version for reign in state.reigns}
    decided = {str(entry.decision_id) for entry in state.decisions.values()}
    wanted = ((held, _status_of(held, state.champion, reigned, decided)) for held in view.versions)
    return [
        SetStatus(held.version, status)
        for held, status in wanted
        if status is not None and held.tags.get(STATUS_TAG) != status
    ]


def _status_of(held: RegisteredVersion, champion: int | None, reigned: set[int], decided: set[str]) -> Status | None:
    if held.version == champion:
        return Status.PRODUCTION
    if held.version in reigned:
        return Status.ARCHIVED
    return Status.ABANDONED if held.tags.get(DECISION_TAG) in decided else None
