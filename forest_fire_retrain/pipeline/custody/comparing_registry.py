"""Compare the registry with the ledger: the alias, the versions, their tags."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.known_elsewhere import describe_lost_rows, find_versions_of_lost_rows
from forest_fire_retrain.core.ledger.ports import RegisteredVersion
from forest_fire_retrain.core.ledger.promotion import DECISION_TAG, RegistryView, Status, find_wrong_statuses
from forest_fire_retrain.core.ledger.quarantine import marks_of
from forest_fire_retrain.core.ledger.state import LedgerState, origin_of
from forest_fire_retrain.core.records import Candidate

REPAIR = "forest-fire verify --repair"
ROLL_BACK = "forest-fire rollback --to VERSION --reason TEXT"
RESTORE = "forest-fire ledger restore BACKUP"
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
    if view.has(state.champion) or state.champion in view.mendable:
        return [Fault("registry", what, f"{REPAIR}, or accept another one: {ROLL_BACK}", repairable=True)]
    repair = ROLL_BACK if state.champion is not None else "delete the alias in MLflow, if the ledger lost no rows"
    return [Fault("registry", what, repair, repairable=False)]


def check_versions_known(state: LedgerState, entries: Sequence[LedgerEntry], view: RegistryView) -> list[Fault]:
    """Versions that are gone, say they are something else than decided, or are unknown to the ledger."""
    return [
        *_find_lost_rows(entries, view),
        *_find_missing(state, view),
        *_find_other_models(state, view),
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


def find_broken(state: LedgerState, view: RegistryView) -> list[int]:
    """Versions of the ledger that the registry lacks, or shows as another model, of another run or in a stage."""
    return [
        version for version, wrong in _describe_broken(state, view).items() if wrong and version in state.candidates
    ]


def _describe_broken(state: LedgerState, view: RegistryView) -> dict[int, str]:
    held = {registered.version: registered for registered in view.versions}
    return {
        version: _name_difference(state.candidates.get(version), held.get(version), view.astray.get(version))
        for version in dict.fromkeys(reign.version for reign in state.reigns)
    }


def _name_difference(candidate: Candidate | None, held: RegisteredVersion | None, astray: str | None) -> str:
    """How a registered version differs from the candidate it was registered for; empty if it does not."""
    if held is None:
        return "which was champion, is not in the registry"
    if candidate is None:
        return ""
    stored = candidate.stored
    shown = {
        "model": (held.source.rstrip("/"), stored.model_uri),
        "run": (held.mlflow_run_id, stored.mlflow_run_id),
        "stage": (held.stage, ""),
    }
    other = [f"{name} {was or 'none'}, not {said or 'none'}" for name, (was, said) in shown.items() if was != said]
    if other:
        return f"is registered with the {' and the '.join(other)} as in the ledger"
    return "" if astray is None else f"leads whoever loads it from the registry to {astray}, not to the ledger's model"


def _find_lost_rows(entries: Sequence[LedgerEntry], view: RegistryView) -> Iterator[Fault]:
    lost = find_versions_of_lost_rows(entries, view.versions)
    if lost:
        what = describe_lost_rows(lost, len(entries))
        yield Fault("ledger", what, f"{RESTORE}, or delete these versions in MLflow", repairable=False)


def _find_missing(state: LedgerState, view: RegistryView) -> Iterator[Fault]:
    for version, what in _describe_broken(state, view).items():
        if what and not view.has(version):
            yield _blame_version(state, view, version, f"version {version}, {what}")


def _find_other_models(state: LedgerState, view: RegistryView) -> Iterator[Fault]:
    for version, what in _describe_broken(state, view).items():
        if what and view.has(version):
            yield _blame_version(state, view, version, f"version {version} {what}")


def _blame_version(state: LedgerState, view: RegistryView, version: int, what: str) -> Fault:
    if version in view.mendable and version in state.candidates:
        return Fault("registry", what, REPAIR, repairable=True)
    gone = "restore MLflow's store from a backup; until then it cannot be rolled back to"
    return Fault("registry", what, ROLL_BACK if version == state.champion else gone, repairable=False)


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
    lost = {held.version for held in find_versions_of_lost_rows(entries, view.versions)}
    n_versions = Counter(held.tags.get(DECISION_TAG) for held in view.versions)
    for held in view.versions:
        decision_id = held.tags.get(DECISION_TAG)
        if held.version in champions or held.version in lost:
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
