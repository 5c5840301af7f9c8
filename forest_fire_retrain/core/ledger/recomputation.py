"""Take a recorded decision again, from the ledger's rows alone."""

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, Decision
from forest_fire_retrain.core.ledger.decision_payload import CASE_FACTS, DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import LedgerEntry


def recompute(payload: DecisionPayload, decided: dict[str, LedgerEntry]) -> Decision:
    """The decision again, from the ledger's rows.

    Parameters
    ----------
    payload : DecisionPayload
        Of the row to check.
    decided : dict
        Partition key to live decision, of the same model.

    Raises
    ------
    KeyError
        If a row that was pooled is missing.
    """
    earlier = tuple(read_payload(decided[key]).evidence for key in payload.used_partitions)
    case = Case.model_validate(
        {
            **{name: payload.case_facts[name] for name in CASE_FACTS},
            "ledger": {name: fact for name, fact in payload.case_facts.items() if name not in CASE_FACTS},
            "newest": payload.evidence,
            "earlier": earlier,
            "dropped": payload.dropped,
            "champion": payload.champion,
            "training_hash": payload.candidate.training_hash,
            "prediction_hash": payload.candidate.prediction_hash,
            "guardrails": payload.guardrails,
        }
    )
    return adjudicate(case, payload.rule)
