"""Compare the registry with the ledger: the alias, the versions, their tags."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.promotion import DECISION_TAG, RegistryView, Status, find_wrong_statuses
from forest_fire_retrain.core.ledger.quarantine import marks_of
from forest_fire_retrain.core.ledger.state import LedgerState, origin_of

REPAIR = "forest-fire verify --repair"
ROLL_BACK = "forest-fire rollback --to VERSION --reason TEXT"
HASH_TAG = "artifact_sha256"


class Fault(NamedTuple):
    """One disagreement.

    Attributes
    ----------
    where : str
        Which store it is in.
    what : str
        What is not as it should be, in one line.
    repair : str
        The command, or the sentence, that says what to do.
    repairable : bool
        Whether `repair` does it by itself.
    """

    where: str
    what: str
    repair: str
    repairable: bool

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: {self.what}. Repair: {self.repair}"


def check_alias(state: LedgerState, view: RegistryView) -> list[Fault]:
    """Whether the alias points where the last confirmation says; an open intent may be on its way."""
    if view.alias == state.champion or state.open_intent is not None:
        return []
    shown, expected = (f"version {v}" if v is not None else "nothing" for v in (view.alias, state.champion))
    what = f"the alias champion points at {shown}, the ledger's champion is {expected}"
    if view.has(state.champion):
        return [Fault("registry", what, f"{REPAIR}, or accept another one: {ROLL_BACK}", repairable=True)]
    repair = "delete the alias in MLflow" if state.champion is None else ROLL_BACK
    return [Fault("registry", what, repair, repairable=False)]


def check_versions_known(state: LedgerState, entries: Sequence[LedgerEntry], view: RegistryView) -> list[Fault]:
    """Versions that are gone, have other tags than decided, or are unknown to the ledger."""
    return [
        *_find_missing(state, view),
        *_find_wrong_tags(state, entries, view),
        *_find_wrong_statuses(state, view),
        *_find_unknown(entries, view),
    ]


def expected_tags(state: LedgerState, entries: Sequence[LedgerEntry]) -> dict[int, dict[str, str]]:
    """The tags that tie each version that reigned to its decision and its bytes."""
    tags = {}
    for version, candidate in state.candidates.items():
        origin = origin_of(entries, version)
        decision_id = "" if origin is None else str(origin.decision_id)
        tags[version] = {DECISION_TAG: decision_id, HASH_TAG: candidate.stored.artifact_sha256}
    return tags


def find_wrong_tags(
    state: LedgerState, entries: Sequence[LedgerEntry], view: RegistryView
) -> Iterator[tuple[int, dict[str, str]]]:
    """Version and tags to set, where the registry's differ from the ledger's."""
    wanted = expected_tags(state, entries)
    for held in view.versions:
        other = {name: value for name, value in wanted.get(held.version, {}).items() if held.tags.get(name) != value}
        if other:
            yield held.version, other


def _find_missing(state: LedgerState, view: RegistryView) -> Iterator[Fault]:
    for version in dict.fromkeys(reign.version for reign in state.reigns):
        if not view.has(version):
            gone = "restore MLflow's store from a backup; until then it cannot be rolled back to"
            repair = ROLL_BACK if version == state.champion else gone
            what = f"version {version}, which was champion, is not in the registry"
            yield Fault("registry", what, repair, repairable=False)


def _find_wrong_tags(state: LedgerState, entries: Sequence[LedgerEntry], view: RegistryView) -> Iterator[Fault]:
    for version, tags in find_wrong_tags(state, entries, view):
        what = f"version {version} has other tags than the ledger says: {', '.join(sorted(tags))}"
        yield Fault("registry", what, REPAIR, repairable=True)


def _find_wrong_statuses(state: LedgerState, view: RegistryView) -> Iterator[Fault]:
    if state.open_intent is not None:
        return
    for version, status, quarantine in find_wrong_statuses(state, view):
        shown = view.status_of(version)
        if quarantine is not None and not quarantine.is_told and shown == Status.ARCHIVED:
            continue  # as the release left it that wrote the rollback; the next writer marks it
        what = f"version {version} has the status {shown}, the ledger says {status}"
        if shown == status:
            places = f"tags {' and '.join(marks_of(quarantine))} or its description"
            what = f"version {version} is {status}, and its {places} say otherwise"
        yield Fault("registry", what, REPAIR, repairable=True)


def _find_unknown(entries: Sequence[LedgerEntry], view: RegistryView) -> Iterator[Fault]:
    """Versions of no decision, and second versions of one; they are nobody's to delete but a person's."""
    decided = {entry.decision_id for entry in entries if entry.kind is EntryKind.DECISION}
    champions = {entry.champion_after for entry in entries if entry.kind is EntryKind.CONFIRMATION}
    n_versions = Counter(held.tags.get(DECISION_TAG) for held in view.versions)
    for held in view.versions:
        decision_id = held.tags.get(DECISION_TAG)
        if held.version in champions:
            continue
        if decision_id not in decided:
            origin = "has no decision" if decision_id is None else f"names the decision {decision_id}, which is unknown"
            what = f"version {held.version} {origin} in the ledger"
        elif n_versions[decision_id] > 1:
            what = f"version {held.version} is a second version of decision {decision_id}"
        else:
            continue
        repair = "it is left alone; delete it in MLflow if nobody needs it"
        yield Fault("registry", what, repair, repairable=False)
