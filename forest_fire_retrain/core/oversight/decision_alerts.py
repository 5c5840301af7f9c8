"""What the newest live decision says that a person should look at: its alerts, and labels that are doubted.

Rules
-----
- An alert is recognised by how its sentence opens, as the rows hold sentences; one that no release writes any more is
  about the feeds.
- The same alert in several decisions in a row is one matter: its key names the first of them.
- Fires that stay away are one matter with the doubt about the same window, and none once a person vouched for it.
- Doubted windows that overlap are one matter: one order clears them all.
- A doubt is over when the newest decision counted again and found the reports that were late; nothing is counted here.
"""

import re
from collections.abc import Iterable, Iterator

from forest_fire_retrain.core.decision import alerts
from forest_fire_retrain.core.decision.label_gate import count_of, overlaps_any
from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.decision.window_evidence import LabelCount
from forest_fire_retrain.core.ledger.decision_payload import read_evidence, read_flagged, read_suspect
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.matters import Matter, MatterKind

WHERE_TO_LOOK = re.compile(r" \((?P<now>look at [^()]*)\)$|[;:] (?P<once>look at [^()]*)$")
OPENINGS = {
    alerts.FEED_SILENT: MatterKind.FEED,
    alerts.ROWS_MISSING: MatterKind.FEED,
    alerts.FEW_FIRES: MatterKind.LABELS_DOUBTED,
    alerts.GUARDRAIL: MatterKind.GUARDRAIL_REPEATS,
    alerts.CHAMPION_OLD: MatterKind.CHAMPION_OLD,
}
REMEDIES = {
    MatterKind.CHAMPION_OLD: "See why no candidate was better: forest-fire history --retrainings",
    MatterKind.GUARDRAIL_REPEATS: "Look at what it says of each: forest-fire history --retrainings",
}


def kind_of(alert: str) -> MatterKind:
    """What an alert is about."""
    return next((kind for opening, kind in OPENINGS.items() if alert.startswith(opening)), MatterKind.FEED)


def alerts_of(decision: LedgerEntry) -> list[str]:
    """The alerts of a decision's row, as written."""
    return list(decision.payload["decision"]["alerts"])  # type: ignore[index] # as written


def find_in_decisions(state: LedgerState) -> Iterator[Matter]:
    """Every matter that the newest live decision raised and nothing has settled."""
    newest = state.last_decision
    if newest is None:
        return
    doubted = list(find_doubts(state))
    yield from doubted
    is_vouched_for = overlaps_any(read_evidence(newest).window, state.cleared)
    for alert in alerts_of(newest):
        kind = kind_of(alert)
        if kind is MatterKind.LABELS_DOUBTED and (doubted or is_vouched_for):
            continue
        yield _matter_of(state, alert, kind)


def find_doubts(state: LedgerState) -> Iterator[Matter]:
    """Windows under a flag that neither late reports nor a person have lifted, as long as one taints what is trained.

    Late reports are counted at each decision, and read from the newest; one of an earlier release counted nothing, and
    all flags that nobody has vouched for are named.
    """
    newest = state.last_decision
    evidence = None if newest is None else read_evidence(newest)
    if newest is None or evidence is None or not (evidence.challenger_is_tainted or evidence.labels_are_suspect):
        return
    flagged = leave_out_shared(read_flagged(state.decisions.values(), state.cleared))
    counts = [count_of(window) for window in flagged]
    counted_again = read_suspect(newest)
    if counted_again is not None:
        known = {count.window: count for count in (*counted_again, count_of(evidence))}
        counts = [known[count.window] for count in counts if count.window in known]
    for run in join_overlapping(counts):
        sentence, remedy = alerts.describe_doubt(*run)
        yield Matter(MatterKind.LABELS_DOUBTED, f"labels_doubted/{run[0].window.start}", sentence, remedy)


def join_overlapping(counts: Iterable[LabelCount]) -> list[list[LabelCount]]:
    """The counts, those together whose windows overlap one after the other: what one order clears; oldest first."""
    runs: list[list[LabelCount]] = []
    for count in sorted(counts, key=lambda held: held.window.start):
        if runs and overlaps_any(count.window, [held.window for held in runs[-1]]):
            runs[-1].append(count)
        else:
            runs.append([count])
    return runs


def _matter_of(state: LedgerState, alert: str, kind: MatterKind) -> Matter:
    where = WHERE_TO_LOOK.search(alert)
    look = "look at the feeds" if where is None else (where["now"] or where["once"])
    remedy = REMEDIES.get(kind, f"L{look[1:]}")
    sentence = alert if where is None else alert[: where.start()]
    return Matter(kind, f"{kind}/{_beginning_of(state, kind)}", sentence, remedy)


def _beginning_of(state: LedgerState, kind: MatterKind) -> str:
    """What names the occurrence: the champion that is old; else the first of the decisions in a row that say so."""
    if kind is MatterKind.CHAMPION_OLD:
        return str(state.champion)
    first, reason = "", state.last_decision.reason_code if state.last_decision is not None else None
    for key, decision in reversed(state.decisions.items()):
        if kind is MatterKind.GUARDRAIL_REPEATS:
            goes_on = decision.reason_code == reason
        else:
            goes_on = any(kind_of(alert) is kind for alert in alerts_of(decision))
        if not goes_on:
            break
        first = key
    return first
