"""What the ledger says now: a fold over its rows; nothing else knows who the champion is.

Rules
-----
- The champion is the version of the last confirmation.
- A promotion or rollback is open until a confirmation or an abandonment names its `decision_id`.
- A promotion with a shadow time ahead is not open: its candidate is in shadow until a verdict or an abandonment
  names its `decision_id`.
- A confirmed rollback quarantines the candidate it rolled back from. A freeze that was asked for with it holds
  even if the rollback is abandoned.
- A candidate that is a shadow by order is none any more once it is champion, or once a person ends it.
- Weights hold until the next row of weights.
- A meddled registry stays noted until it agrees again, is repaired, or a new champion is confirmed.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.payloads import (
    DeliveryAcceptedPayload,
    ExternalPayload,
    FreezePayload,
    LabelsClearedPayload,
    RollbackPayload,
    ShadowEndedPayload,
    ShadowPayload,
    SourceAcceptedPayload,
)
from forest_fire_retrain.core.ledger.quarantine import Quarantine, quarantine_by
from forest_fire_retrain.core.ledger.reigns import Reign, Succession, reign_at, reign_for
from forest_fire_retrain.core.ledger.shadow_times import ShadowTime, shadow_time_of
from forest_fire_retrain.core.records import Candidate
from forest_fire_retrain.core.windows import Interval


@dataclass
class LedgerState:
    """One model's state after a number of rows; built by `fold`, then only read.

    Attributes
    ----------
    decisions : dict
        Partition key to its live decision.
    newest_partition : str, optional
        Key of the partition with the latest knowledge that was decided live.
    succession : Succession
        The reigns, and the intent that is open.
    candidates : dict
        Version to the candidate that was confirmed as it.
    meddling : LedgerEntry, optional
        The row that notes a registry which disagrees.
    quarantined : set of str
        Candidates that were rolled back from.
    quarantines : dict
        Version that was rolled back from last to how that came.
    frozen_until : datetime.date, optional
        Promotions are frozen before this day.
    cleared : list of Interval
        Windows whose labels a person vouched for.
    accepted_source : str, optional
        The source that a person accepted last in the place of another one.
    accepted_deliveries : set of str
        What the losses of a delivery are recognised by that a person accepted.
    shadows : dict
        Candidate to the row by which a person has it scored beside the champion, also where its day is over.
    weights : LedgerEntry, optional
        The newest weights of a mixture, if there ever were any.
    """

    decisions: dict[str, LedgerEntry] = field(default_factory=dict)
    newest_partition: str | None = None
    succession: Succession = field(default_factory=Succession)
    candidates: dict[int, Candidate] = field(default_factory=dict)
    meddling: LedgerEntry | None = None
    quarantined: set[str] = field(default_factory=set)
    quarantines: dict[int, Quarantine] = field(default_factory=dict)
    frozen_until: dt.date | None = None
    cleared: list[Interval] = field(default_factory=list)
    accepted_source: str | None = None
    accepted_deliveries: set[str] = field(default_factory=set)
    shadows: dict[str, LedgerEntry] = field(default_factory=dict)
    weights: LedgerEntry | None = None

    def copy(self) -> "LedgerState":
        """The same, which rows taken in later do not change; what stands in its containers never changes."""
        return replace(
            self,
            decisions=self.decisions.copy(),
            succession=self.succession.copy(),
            candidates=self.candidates.copy(),
            quarantined=self.quarantined.copy(),
            quarantines=self.quarantines.copy(),
            cleared=self.cleared.copy(),
            accepted_deliveries=self.accepted_deliveries.copy(),
            shadows=self.shadows.copy(),
        )

    @property
    def reigns(self) -> list[Reign]:
        """All reigns in the order of their rows; the last is the present champion's."""
        return self.succession.reigns

    @property
    def open_intent(self) -> LedgerEntry | None:
        """A promotion or rollback that is neither confirmed nor abandoned."""
        return self.succession.open_intent

    @property
    def in_shadow(self) -> list[ShadowTime]:
        """The candidates that go through a shadow time or wait for their verdict; whose is due first stands first."""
        found = (shadow_time_of(entry) for entry in self.succession.in_shadow.values())
        return sorted((one for one in found if one is not None), key=lambda one: (one.due, one.decision.sequence))

    @property
    def champion(self) -> int | None:
        """The version in production, if any."""
        return self.reigns[-1].version if self.reigns else None

    @property
    def last_decision(self) -> LedgerEntry | None:
        """The live decision of the latest partition, if any."""
        newest = self.newest_partition
        return None if newest is None else self.decisions[newest]

    @property
    def newest_as_of(self) -> dt.date | None:
        """Latest knowledge cut-off that was decided live."""
        return None if self.last_decision is None else self.last_decision.as_of

    def is_quarantined(self, candidate_id: str) -> bool:
        """Whether a candidate was rolled back from, and nobody took it back into production."""
        reigning = None if self.champion is None else self.candidates.get(self.champion)
        is_champion = reigning is not None and reigning.candidate_id == candidate_id
        return candidate_id in self.quarantined and not is_champion

    def champion_on(self, instant: dt.datetime) -> Reign | None:
        """The reign that held at `instant` by the wall clock."""
        return reign_at(self.reigns, instant)

    def champion_for(self, day: dt.date) -> Reign | None:
        """The reign that a prediction made afterwards takes for `day`, by partition time; see `reigns.reign_for`."""
        return reign_for(self.reigns, day)


class _Embedding(BaseModel):
    """A payload, as far as it holds a candidate."""

    candidate: Candidate | None = None


def fold(entries: Iterable[LedgerEntry]) -> LedgerState:
    """State after `entries`, the rows of one model in their order."""
    state = LedgerState()
    carry_on(state, entries)
    return state


def carry_on(state: LedgerState, entries: Iterable[LedgerEntry]) -> None:
    """Take further rows of the same model into a state; whoever hands it out hands out a copy."""
    for entry in entries:
        carried_out = state.succession.follow(entry)
        if carried_out is not None:
            _apply_reign(state, carried_out)
        _APPLY.get(entry.kind, _ignore)(state, entry)


def previous_reign(state: LedgerState) -> Reign | None:
    """The last reign before the present one that is of another version, one that was not rolled back from."""
    for reign in reversed(state.reigns[:-1]):
        held = state.candidates.get(reign.version)
        is_quarantined = held is not None and held.candidate_id in state.quarantined
        if reign.version != state.champion and not is_quarantined:
            return reign
    return None


def state_before(entries: Sequence[LedgerEntry], as_of: dt.date) -> LedgerState:
    """State as it was when the partition with this knowledge cut-off was, or would have been, decided."""
    later = (
        place
        for place, entry in enumerate(entries)
        if entry.kind is EntryKind.DECISION and entry.as_of is not None and entry.as_of >= as_of
    )
    return fold(entries[: next(later, len(entries))])


def candidate_of(entry: LedgerEntry) -> Candidate | None:
    """The candidate that a decision's row embeds, if it embeds one; the rest of the row is not read."""
    return _Embedding.model_validate_json(entry.payload_json).candidate


def candidate_in(payload: Mapping[str, object]) -> Candidate | None:
    """The candidate that the payload of a decision's row embeds, if it embeds one."""
    embedded = payload.get("candidate")
    return None if embedded is None else Candidate.model_validate(embedded)


def find_candidate(state: LedgerState, candidate_id: str) -> Candidate | None:
    """The candidate of this name, of a version or of a live decision; `None` if the ledger's state holds none."""
    registered = next((held for held in state.candidates.values() if held.candidate_id == candidate_id), None)
    if registered is not None:
        return registered
    rows = sorted(state.decisions.values(), key=lambda row: candidate_id not in row.payload_json)
    found = (candidate for row in rows if (candidate := candidate_of(row)) is not None)
    return next((candidate for candidate in found if candidate.candidate_id == candidate_id), None)


def origin_of(entries: Sequence[LedgerEntry], version: int) -> LedgerEntry | None:
    """The decision that a version was registered for; `None` if no confirmation ever named the version."""
    confirmed = {
        entry.decision_id
        for entry in entries
        if entry.kind is EntryKind.CONFIRMATION and entry.champion_after == version
    }
    decisions = (entry for entry in entries if entry.kind is EntryKind.DECISION and entry.decision_id in confirmed)
    return next(decisions, None)


def _ignore(_state: LedgerState, _entry: LedgerEntry) -> None:
    """Replays, migrations and the like change nothing."""


def _apply_reign(state: LedgerState, intent: LedgerEntry) -> None:
    """A promotion or rollback was carried out."""
    candidate = candidate_of(intent)
    if candidate is not None and state.champion is not None:
        state.candidates[state.champion] = candidate
    reigning = None if state.champion is None else state.candidates.get(state.champion)
    if reigning is not None:
        state.shadows.pop(reigning.candidate_id, None)
    left = quarantine_by(intent) if intent.kind is EntryKind.ROLLBACK else None
    if left is not None:
        state.quarantined.add(left.candidate_id)
        state.quarantines[left.version] = left
    state.meddling = None


def _apply_decision(state: LedgerState, entry: LedgerEntry) -> None:
    key, newest = entry.partition_key, state.newest_partition
    if key is None:
        return
    state.decisions[key] = entry
    rivals = [key] if newest is None else [key, newest]
    if key == newest:  # decided again, it may be older than others
        rivals = list(state.decisions)
    state.newest_partition = max(rivals, key=lambda rival: (state.decisions[rival].as_of or dt.date.min, rival))


def _apply_rollback(state: LedgerState, entry: LedgerEntry) -> None:
    state.frozen_until = RollbackPayload.read(entry).until or state.frozen_until


def _apply_freeze(state: LedgerState, entry: LedgerEntry) -> None:
    state.frozen_until = FreezePayload.read(entry).until


def _apply_unfreeze(state: LedgerState, _entry: LedgerEntry) -> None:
    state.frozen_until = None


def _apply_external(state: LedgerState, entry: LedgerEntry) -> None:
    seen = ExternalPayload.read(entry)
    state.meddling = None if seen.observed == seen.expected else entry


def _apply_repair(state: LedgerState, _entry: LedgerEntry) -> None:
    state.meddling = None


def _apply_labels_cleared(state: LedgerState, entry: LedgerEntry) -> None:
    state.cleared.append(LabelsClearedPayload.read(entry).window)


def _apply_source_accepted(state: LedgerState, entry: LedgerEntry) -> None:
    state.accepted_source = SourceAcceptedPayload.read(entry).accepted


def _apply_delivery_accepted(state: LedgerState, entry: LedgerEntry) -> None:
    state.accepted_deliveries.update(DeliveryAcceptedPayload.read(entry).fingerprints)


def _apply_shadow(state: LedgerState, entry: LedgerEntry) -> None:
    state.shadows[ShadowPayload.read(entry).candidate_id] = entry


def _apply_shadow_ended(state: LedgerState, entry: LedgerEntry) -> None:
    state.shadows.pop(ShadowEndedPayload.read(entry).candidate_id, None)


def _apply_weights(state: LedgerState, entry: LedgerEntry) -> None:
    state.weights = entry


_APPLY: Mapping[EntryKind, Callable[[LedgerState, LedgerEntry], None]] = {
    EntryKind.DECISION: _apply_decision,
    EntryKind.ROLLBACK: _apply_rollback,
    EntryKind.FREEZE: _apply_freeze,
    EntryKind.UNFREEZE: _apply_unfreeze,
    EntryKind.EXTERNAL: _apply_external,
    EntryKind.REPAIR: _apply_repair,
    EntryKind.LABELS_CLEARED: _apply_labels_cleared,
    EntryKind.SOURCE_ACCEPTED: _apply_source_accepted,
    EntryKind.DELIVERY_ACCEPTED: _apply_delivery_accepted,
    EntryKind.SHADOW: _apply_shadow,
    EntryKind.SHADOW_ENDED: _apply_shadow_ended,
    EntryKind.WEIGHTS: _apply_weights,
}
