"""Hold ledger, registry, exported copy, models and lake against one another; nothing is written here.

Rules
-----
- Every fault says where it is and what to do about it; a check that could not look is a fault.
- A ledger whose chain is broken is compared with its copy only: nothing else in it can be trusted.
- What the ledger does not know is named and left alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest

from pydantic import ValidationError

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ForestFireRetrainError, LedgerError, LedgerLockedError, RegistryError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry, find_first_fault, first_difference
from forest_fire_retrain.core.ledger.promotion import RegistryView
from forest_fire_retrain.core.ledger.recomputation import PooledWindows, is_same, recompute
from forest_fire_retrain.core.ledger.redrafting import find_other_columns, find_other_columns_of_decision
from forest_fire_retrain.core.ledger.reigns import Reign, reigns_of
from forest_fire_retrain.core.ledger.retrainings import list_status
from forest_fire_retrain.core.ledger.state import LedgerState, candidate_of, fold, origin_of
from forest_fire_retrain.core.ports import Stores
from forest_fire_retrain.core.rows.ports import Lake
from forest_fire_retrain.pipeline.custody.comparing_registry import (
    REPAIR,
    RESTORE,
    ROLL_BACK,
    Fault,
    check_alias,
    check_versions_known,
)
from forest_fire_retrain.pipeline.custody.promoting import look_closely
from forest_fire_retrain.pipeline.custody.proving_mixtures import check_mixtures, check_weights
from forest_fire_retrain.pipeline.custody.proving_pages import DECIDING, check_pages
from forest_fire_retrain.pipeline.custody.proving_rows import (
    JUDGED,
    Tell,
    check_rows_of_decisions,
    check_rows_of_reigns,
)
from forest_fire_retrain.pipeline.custody.proving_versions import find_version_fault
from forest_fire_retrain.pipeline.custody.reading_decisions import Mentions, Note, note_mentions

ReadCopy = Callable[[Sequence[LedgerEntry]], list[LedgerEntry]]
"""Reads the copy; given the ledger's rows, which those of the copy are where they are the same."""
ReadReigns = Callable[[], list[Reign] | None]
ReadStatus = Callable[[], Sequence[tuple[object, ...]] | None]


def _read_no_status() -> None:
    """Where no table is compared."""


def verify(
    stores: Stores,
    model_name: str,
    *,
    rollback_horizon: int,
    read_copy: ReadCopy,
    read_reigns: ReadReigns,
    read_status: ReadStatus = _read_no_status,
    check_kept: Callable[[Sequence[LedgerEntry]], list[Fault]] = lambda _: [],
    tell: Tell | None = None,
) -> list[Fault]:
    """Every fault there is, in the order in which they should be looked at; empty if all is well.

    Parameters
    ----------
    stores : Stores
        What is compared.
    model_name : str
        The registered model; the chain and the copy are checked for all models.
    rollback_horizon : int
        Reigns whose versions must load and reproduce their reference predictions.
    read_copy, read_reigns, read_status : callable
        Read the ledger's exported copy, the reigns in it, and the lines of the table `registry_status`.
    check_kept : callable
        Says which checkpoints that are kept elsewhere the rows do not continue.
    tell : callable, optional
        Told how far it has come; where it is given, the rows and models of all decisions and all pages of pinned
        tables are read, not those of the last reigns alone.

    Raises
    ------
    LedgerLockedError
        If another process holds the ledger too long: what is being written cannot be compared.
    """
    try:
        with stores.ledger.exclusive():
            rows = stores.ledger.read_afresh()
            chain = check_chain(rows)
            faults = [
                *chain,
                *check_copy(rows, read_copy, read_reigns, read_status),
                *_unless_blind("witness", lambda: check_kept(rows)),
            ]
            if chain:
                return faults
            entries = [entry for entry in rows if entry.model_name == model_name]
            state = fold(entries)
            view = _look_at(stores, state, model_name, rollback_horizon)
    except LedgerLockedError:
        raise
    except LedgerError as error:
        return [Fault("ledger", _one_line(error), RESTORE, repairable=False)]
    mentions = Mentions()
    faults += [*check_intents(state, entries), *check_decisions(state, entries, mentions.note), *check_words(entries)]
    faults += _unless_blind("ledger", lambda: check_weights(entries))
    faults += _unless_blind("log", lambda: check_mixtures(stores.lake, entries))
    faults += _unless_blind("page", lambda: check_pages(stores.records, entries, mentions.pages))
    if isinstance(view, Fault):
        faults.append(view)
    else:
        faults += [*check_alias(state, view), *check_versions_known(state, entries, view)]
        faults += _unless_blind("model", lambda: check_horizon(stores, state, entries, view, rollback_horizon))
    faults += _unless_blind("lake", lambda: check_pins(stores.lake, mentions.pinned, tell))
    if tell is not None:
        return faults + check_rows_of_decisions(stores, entries, tell)
    return faults + check_rows_of_reigns(stores, state, entries, rollback_horizon)


def check_chain(entries: Sequence[LedgerEntry]) -> list[Fault]:
    """The first row of the ledger whose place, link or hash is wrong."""
    fault = find_first_fault(entries)
    if fault is None:
        return []
    what = f"{fault}; registry, models and lake were not compared with a ledger that cannot be trusted"
    return [Fault("ledger", what, RESTORE, repairable=False)]


def check_copy(
    entries: Sequence[LedgerEntry],
    read_copy: ReadCopy,
    read_reigns: ReadReigns,
    read_status: ReadStatus = _read_no_status,
) -> list[Fault]:
    """Whether the exported copy holds exactly the ledger's rows, and what is derived from them follows from them.

    A copy that is behind or damaged can be written again. A sound copy with rows that the ledger lacks
    or has changed is a witness against the ledger, and is kept.
    """
    try:
        copied = read_copy(entries)
    except LedgerError as error:
        return [Fault("copy", _one_line(error), REPAIR, repairable=find_first_fault(entries) is None)]
    other = first_difference(entries, copied)
    if other is None:
        return [*check_reigns(copied, read_reigns), *check_status(copied, read_status)]
    chain_holds = find_first_fault(entries) is None
    if len(copied) < other:
        what = f"row {other} is in the ledger and not yet in its copy, which ends at row {len(copied)}"
        return [Fault("copy", what, REPAIR, repairable=chain_holds)]
    damage = find_first_fault(copied)
    if damage is not None and chain_holds:
        return [Fault("copy", f"the copy was changed at {damage}", REPAIR, repairable=True)]
    missing = len(entries) < other
    what = f"row {other} is in the copy and not in the ledger" if missing else f"row {other} differs from its copy"
    return [Fault("ledger", f"{what}: rows were removed or replaced", RESTORE, repairable=False)]


def check_reigns(copied: Sequence[LedgerEntry], read_reigns: ReadReigns) -> list[Fault]:
    """Whether the exported reigns follow from the exported rows; a copy of an earlier release is whole without them."""
    try:
        exported = read_reigns()
    except LedgerError as error:
        return [Fault("copy", _one_line(error), REPAIR, repairable=True)]
    pairs = enumerate(zip_longest(reigns_of(copied), exported or []), start=1)
    other = next(((number, right, wrong) for number, (right, wrong) in pairs if right != wrong), None)
    if exported is None or other is None:
        return []
    number, right, wrong = other
    what = f"reign {number} of the copy does not follow from its rows: it is {_describe(wrong)}, not {_describe(right)}"
    return [Fault("copy", what, REPAIR, repairable=True)]


def check_status(copied: Sequence[LedgerEntry], read_status: ReadStatus) -> list[Fault]:
    """Whether the lines of the exported table follow from the exported rows; earlier releases did not say of which."""
    try:
        exported = read_status()
    except LedgerError as error:
        return [Fault("copy", _one_line(error), REPAIR, repairable=True)]
    pairs = enumerate(zip_longest(list_status(copied), exported or []), start=1)
    other = next((number for number, (right, wrong) in pairs if right != wrong), None)
    if exported is None or other is None:
        return []
    what = f"line {other} of the table registry_status of the copy does not follow from its rows"
    return [Fault("copy", what, REPAIR, repairable=True)]


def _describe(reign: Reign | None) -> str:
    if reign is None:
        return "none"
    until = "now" if reign.until is None else reign.until.isoformat()
    return f"version {reign.version} of {reign.model_name} from {reign.since.isoformat()} to {until}"


def check_intents(state: LedgerState, entries: Sequence[LedgerEntry]) -> list[Fault]:
    """Promotions and rollbacks that were begun and neither confirmed nor abandoned, or more than once."""
    closings = Counter(e.decision_id for e in entries if _is_closing(e))
    faults = []
    for intent in entries:
        if intent.kind is not EntryKind.ROLLBACK and intent.outcome is not Outcome.PROMOTED:
            continue
        if intent.kind is EntryKind.REPLAY or closings[intent.decision_id] == 1:
            continue
        if intent.decision_id in state.succession.in_shadow:
            continue
        open_id = None if state.open_intent is None else state.open_intent.decision_id
        what = f"the {intent.kind} {intent.decision_id} of row {intent.sequence} was begun and not finished"
        if intent.decision_id != open_id:
            n_closings = closings[intent.decision_id]
            what = f"the {intent.kind} {intent.decision_id} of row {intent.sequence} was closed {n_closings} times"
        is_open = intent.decision_id == open_id
        faults.append(Fault("ledger", what, REPAIR if is_open else RESTORE, repairable=is_open))
    return faults


def _is_closing(entry: LedgerEntry) -> bool:
    """Whether a row ends a promotion or rollback for good; a verdict that promotes only begins one."""
    if entry.kind is EntryKind.SHADOW_VERDICT:
        return entry.outcome is not Outcome.PROMOTED
    return entry.kind in (EntryKind.CONFIRMATION, EntryKind.ABANDONMENT)


def check_decisions(
    state: LedgerState, entries: Sequence[LedgerEntry], note: Note = lambda _entry, _payload: None
) -> list[Fault]:
    """Live decisions that stand twice, and decisions and verdicts that do not follow again from their rows.

    Parameters
    ----------
    state : LedgerState
        What the rows come to.
    entries : sequence of LedgerEntry
        The model's rows.
    note : callable
        Given every row that decides, replays too, with what it embeds, if that can be read.
    """
    faults, windows = [], PooledWindows(state.decisions)
    for entry in entries:
        if entry.kind not in JUDGED or entry.partition_key is None:
            if entry.kind in DECIDING:
                note_mentions(entry, note)
            continue
        if entry.kind is EntryKind.DECISION and state.decisions[entry.partition_key].sequence != entry.sequence:
            again = f"partition {entry.partition_key} was decided live again after row {entry.sequence}"
            faults.append(Fault("ledger", again, RESTORE, repairable=False))
            note_mentions(entry, note)
            continue
        other = _find_other_decision(entry, windows, note)
        if other is not None:
            faults.append(Fault("decision", other, "forest-fire history --events", repairable=False))
    return faults


def check_words(entries: Sequence[LedgerEntry]) -> list[Fault]:
    """Rows besides decisions whose sentence, version or period does not follow from what they embed."""
    try:
        found = find_other_columns(entries)
    except ValidationError as error:
        return [Fault("ledger", f"a row cannot be read: {_one_line(str(error)[:200])}", RESTORE, repairable=False)]
    kinds = {entry.sequence: entry.kind for entry in entries}
    return [
        Fault(
            "ledger",
            f"the {kinds[row]} in row {row} does not follow from its payload: {', '.join(names)}: it was rewritten",
            RESTORE,
            repairable=False,
        )
        for row, names in found.items()
    ]


def check_pins(lake: Lake, pinned: Mapping[str, Mapping[int, str]], tell: Tell | None = None) -> list[Fault]:
    """Table versions that live decisions pin and the lake cannot give any more; with `tell`, every page is read.

    Parameters
    ----------
    lake : Lake
        What is asked.
    pinned : mapping
        Table to the versions that are pinned, and the period that pins each first.
    tell : callable, optional
        Told which table is read.
    """
    return [
        Fault(
            "lake",
            f"{table} at version {version}, pinned by {pinned[table][version]} first, cannot be read: {why}",
            "restore the lake's folder from a backup",
            repairable=False,
        )
        for table in sorted(pinned)
        for version, why in _find_unreadable(lake, table, sorted(pinned[table]), tell).items()
    ]


def _find_unreadable(lake: Lake, table: str, versions: Sequence[int], tell: Tell | None) -> dict[int, str]:
    if tell is not None:
        tell(f"table {table}: all pages of {counted(len(versions), 'pinned version')}")
    return lake.unreadable_versions(table, versions, are_pages_read=tell is not None)


def check_horizon(
    stores: Stores, state: LedgerState, entries: Sequence[LedgerEntry], view: RegistryView, n_reigns: int
) -> list[Fault]:
    """Versions of the last `n_reigns` reigns that could not be rolled back to."""
    versions = dict.fromkeys(reign.version for reign in reversed(state.reigns[-n_reigns:]))
    faults = (
        (version, find_version_fault(stores, entries, view, version))
        for version in versions
        if view.has(version) and version not in view.mendable and version not in view.astray
    )
    return [
        Fault(
            "model",
            f"version {version}{_made_by(entries, version)} could not be taken into production: {_one_line(fault)}",
            ROLL_BACK
            if version == state.champion
            else "restore it from a backup; until then nobody can roll back to it",
            repairable=False,
        )
        for version, fault in faults
        if fault is not None
    ]


def _made_by(entries: Sequence[LedgerEntry], version: int) -> str:
    """Which decision a version comes from, and which artifact it is, as far as the ledger knows."""
    origin = origin_of(entries, version)
    candidate = None if origin is None else candidate_of(origin)
    if origin is None or candidate is None:
        return ""
    return f" (decision of {origin.partition_key}, artifact {candidate.stored.model_uri})"


def _look_at(stores: Stores, state: LedgerState, model_name: str, n_reigns: int) -> RegistryView | Fault:
    try:
        return look_closely(stores, state, model_name, n_reigns)
    except RegistryError as error:
        return _blind("registry", error)


def _find_other_decision(entry: LedgerEntry, windows: PooledWindows, note: Note) -> str | None:
    """What a decision's row says that does not follow from the rows it names."""
    is_verdict = entry.kind is EntryKind.SHADOW_VERDICT
    key = f"the {'verdict on' if is_verdict else 'decision of'} {entry.partition_key} in row {entry.sequence}"
    try:
        payload = read_payload(entry)
        note(entry, payload)
        windows.note(entry, payload)
        again = recompute(payload, windows)
    except (ValidationError, KeyError) as error:
        return f"{key} cannot be taken again: {_one_line(str(error)[:200])}"
    other = [] if is_verdict else find_other_columns_of_decision(entry, payload)  # `check_words` looks at verdicts
    recorded = payload.decision
    if (entry.outcome, entry.reason_code) != (recorded.outcome, recorded.reason_code):
        return f"{key} is {entry.outcome}, its payload says {recorded.outcome}"
    if not is_same(recorded, again, payload.rule.version):
        made, was = f"{again.outcome} {again.reason_code}", f"{recorded.outcome} {recorded.reason_code}"
        return f"{key} was {was}; taken again from the same rows it is {made}, or has other numbers or words"
    if other:
        return f"{key} does not follow from its payload: {', '.join(other)}: it was rewritten"
    return None


def _unless_blind(where: str, check: Callable[[], list[Fault]]) -> Iterator[Fault]:
    try:
        yield from check()
    except ForestFireRetrainError as error:
        yield _blind(where, error)


def _blind(where: str, error: ForestFireRetrainError) -> Fault:
    return Fault(
        where, f"could not be checked: {_one_line(error)}", "correct that, then: forest-fire verify", repairable=False
    )


def _one_line(words: object) -> str:
    return " ".join(str(words).split()).rstrip(".")
