"""Whether a candidate was trained on labels that were doubted, as far as the ledger's rows say."""

from forest_fire_retrain.core.decision.label_gate import count_of, is_tainted
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.ledger.decision_payload import read_evidence, read_flagged
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.records import Candidate


def was_tainted(candidate: Candidate, state: LedgerState, rule: DecisionRule) -> bool:
    """Whether its labels were suspect when it was trained and no person vouched since; late reports came too late."""
    decided = state.decisions.get(candidate.windows.partition_key)
    if decided is not None and not read_evidence(decided).challenger_is_tainted:
        return False
    flagged = read_flagged(state.decisions.values(), state.cleared)
    return is_tainted(candidate.windows.training, candidate.n_fires, [count_of(window) for window in flagged], rule)
