"""Take a recorded decision again, from the ledger's rows alone, and say whether it is the same."""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, Decision
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.decision.wording import say_days_as_before
from forest_fire_retrain.core.ledger.decision_payload import CASE_FACTS, DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import LedgerEntry

TOLERANCE = 1e-9
MOST_POOLED = 1_000
"""Windows that are kept at hand: more than a reign of daily periods pools."""
WORDED_SINCE = 7
"""The first version of the rule whose decisions are worded as today's code words them.

Whoever changes a word of a sentence or an alert gives the rule a new version and sets this to it, or keeps the words
that rows have beside the new ones, as `say_days_as_before`. What older rows say is kept as it was written; the hash
chain guards it.
"""

WORDS = {"sentence", "alerts"}


class PooledWindows:
    """Windows of decided rows, each read once where many decisions pool it.

    Parameters
    ----------
    decided : mapping
        Partition key to live decision, of one model.
    """

    def __init__(self, decided: Mapping[str, LedgerEntry]) -> None:
        self._decided = decided
        self._read = OrderedDict[int, WindowEvidence]()

    def note(self, entry: LedgerEntry, payload: DecisionPayload) -> None:
        """Keep the window of a row that was just read; only the last ones are kept, which are those that are pooled."""
        while len(self._read) >= MOST_POOLED:
            self._read.popitem(last=False)
        self._read[entry.sequence] = payload.evidence

    def read(self, key: str) -> WindowEvidence:
        """The window of a period's decision.

        Raises
        ------
        KeyError
            If the period has none.
        """
        entry = self._decided[key]
        if entry.sequence not in self._read:
            self.note(entry, read_payload(entry))
        return self._read[entry.sequence]


def recompute(payload: DecisionPayload, decided: Mapping[str, LedgerEntry] | PooledWindows) -> Decision:
    """The decision again, from the ledger's rows; in the words of an earlier release where the row has those.

    Parameters
    ----------
    payload : DecisionPayload
        Of the row to check.
    decided : mapping or PooledWindows
        Partition key to live decision, of the same model; or their windows, where many decisions are taken again.

    Raises
    ------
    KeyError
        If a row that was pooled is missing.
    """
    windows = decided if isinstance(decided, PooledWindows) else PooledWindows(decided)
    earlier = tuple(windows.read(key) for key in payload.used_partitions)
    case = Case.model_validate(
        {
            **{name: payload.case_facts[name] for name in CASE_FACTS},
            "ledger": {name: fact for name, fact in payload.case_facts.items() if name not in CASE_FACTS},
            "newest": payload.evidence,
            "earlier": earlier,
            "dropped": payload.dropped,
            "champion": payload.champion,
            "training_hash": payload.candidate.training_hash,
            "prediction_hash": payload.prediction_hash,
            "guardrails": payload.guardrails,
        }
    )
    again = adjudicate(case, payload.rule)
    if _words_of(again) == _words_of(payload.decision):
        return again
    before = adjudicate(case, payload.rule, say_days_as_before)
    return before if _words_of(before) == _words_of(payload.decision) else again


def _words_of(decision: Decision) -> tuple[str, tuple[str, ...]]:
    return decision.sentence, decision.alerts


def is_same(recorded: Decision, again: Decision, rule_version: str) -> bool:
    """Whether a decision taken again is what was recorded: verdict, words, and every number but for its last bits.

    The last bit of a logarithm depends on the processor that computes it, and a home may move to another machine.

    Parameters
    ----------
    recorded, again : Decision
        What stands in the row, and what comes of its evidence today.
    rule_version : str
        The rule's version in the row; words of a version before `WORDED_SINCE` are not compared.
    """
    if recorded == again:
        return True
    excluded = {"comparison"} | (WORDS if _is_worded_otherwise(rule_version) else set())
    words, words_again = (decision.model_dump(exclude=excluded) for decision in (recorded, again))
    numbers, numbers_again = (list(_numbers(decision)) for decision in (recorded, again))
    if words != words_again or len(numbers) != len(numbers_again):
        return False
    pairs = zip(numbers, numbers_again, strict=True)
    return all(_are_close(one, other) for one, other in pairs)


def _is_worded_otherwise(rule_version: str) -> bool:
    return rule_version.isdecimal() and int(rule_version) < WORDED_SINCE


def _numbers(decision: Decision) -> Iterator[float]:
    for name in type(decision.comparison).model_fields:
        value = getattr(decision.comparison, name)
        yield from value if isinstance(value, tuple) else (value,)


def _are_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (math.isnan(one) and math.isnan(other))
