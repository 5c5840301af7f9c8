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
- A shadow time whose champion is not in production any more is abandoned: nothing is promoted over a version that it
  was not compared with.
- Without an open intent, an alias that disagrees with the ledger is recorded as external, once per
  observation; it is never accepted and never moved back silently.
- Status tags follow the ledger: `production`, `archived`, `quarantined` with its day and reason, `abandoned`.
  Versions that the ledger does not know are left alone.
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
from forest_fire_retrain.core.ledger.quarantine import QUARANTINED_TAG, Quarantine, has_mark, marks_of, quarantine_by
from forest_fire_retrain.core.ledger.state import LedgerState

STATUS_TAG = "status"
DECISION_TAG = "decision_id"
ORIGIN_TAGS = ("outcome", "reason_code", "as_of", "recipe")


class Status(StrEnum):
    """What a registered version is, as a tag."""

    PRODUCTION = "production"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
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

    def description_of(self, version: int) -> str:
        """What people read of a version."""
        return next((held.description for held in self.versions if held.version == version), "")

    def is_marked(self, version: int, quarantine: Quarantine | None) -> bool:
        """Whether tags and description of a version show its quarantine, or that there is none."""
        tags = next((held.tags for held in self.versions if held.version == version), dict[str, str]())
        if has_mark(self.description_of(version)) != (quarantine is not None):
            return False
        if quarantine is None:
            return not tags.get(QUARANTINED_TAG)
        return marks_of(quarantine).items() <= tags.items()

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
    """Tag a version, and mark its quarantine if there is one."""

    version: int
    status: Status
    quarantine: Quarantine | None = None


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
    return _end_stale_shadow(state) or _note_alias(state, view) or next(iter(find_wrong_statuses(state, view)), None)


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
    if version is None or (intent.kind is not EntryKind.ROLLBACK and not view.is_described(version)):
        return Register(intent)
    if not view.has(version):
        return Abandon(intent, ReasonCode.CHAMPION_CHANGED, f"version {version} is not in the registry")
    wanted = [SetStatus(version, Status.PRODUCTION)]
    if before is not None and before != version and view.has(before):
        left = quarantine_by(intent) if intent.kind is EntryKind.ROLLBACK else state.quarantines.get(before)
        wanted.append(_retire(before, left))
    for shown in wanted:
        if not _is_shown(shown, view):
            return shown
    return PointAlias(version) if view.alias != version else Confirm(intent, version)


def _end_stale_shadow(state: LedgerState) -> Abandon | None:
    """The first shadow time against a champion that was replaced."""
    stale = next((shadow for shadow in state.in_shadow if shadow.champion != state.champion), None)
    if stale is None:
        return None
    because = (
        f"its shadow time ends because version {state.champion} is the champion now, and it was compared with version "
        f"{stale.champion}"
    )
    return Abandon(stale.decision, ReasonCode.CHAMPION_CHANGED, because)


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
    wanted = (_status_of(held, state, reigned, decided) for held in view.versions)
    return [shown for shown in wanted if shown is not None and not _is_shown(shown, view)]


def _status_of(held: RegisteredVersion, state: LedgerState, reigned: set[int], decided: set[str]) -> SetStatus | None:
    if held.version == state.champion:
        return SetStatus(held.version, Status.PRODUCTION)
    if held.version in reigned:
        return _retire(held.version, state.quarantines.get(held.version))
    return SetStatus(held.version, Status.ABANDONED) if held.tags.get(DECISION_TAG) in decided else None


def _retire(version: int, quarantine: Quarantine | None) -> SetStatus:
    """How a version is shown that is not in production any more."""
    return SetStatus(version, Status.ARCHIVED if quarantine is None else Status.QUARANTINED, quarantine)


def _is_shown(wanted: SetStatus, view: RegistryView) -> bool:
    return view.status_of(wanted.version) == wanted.status and view.is_marked(wanted.version, wanted.quarantine)
