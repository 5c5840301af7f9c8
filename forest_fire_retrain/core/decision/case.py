"""What a decision rests on and what it says, as records: no computing here.

A `Case` is everything the rule looks at; a `Decision` is what it answers. Both can be made again from
the ledger's rows.
"""

import datetime as dt
from typing import NamedTuple

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import JsonFloat, WindowEvidence
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.windows import RetrainingWindows


class Challenger(NamedTuple):
    """The partition's candidate, as far as a decision asks.

    Attributes
    ----------
    candidate_id, training_hash, prediction_hash : str
        What it was made of, and its probabilities on the holdout.
    windows : RetrainingWindows
        The windows of its partition.
    n_fires : int
        Recorded cell-days with a fire start in its training window.
    """

    candidate_id: str
    training_hash: str
    prediction_hash: str
    windows: RetrainingWindows
    n_fires: int = 0


class ChampionFacts(Record):
    """What the rule needs to know of the model in production.

    Attributes
    ----------
    version : int
        Its version in the registry.
    candidate_id, training_hash : str
        What it was made of.
    training_cutoff : datetime.date
        First day it has not seen.
    prediction_hash : str, optional
        SHA-256 over its probabilities on the newest window; `None` where it could not be scored.
    is_tainted : bool
        Whether it was trained on suspect labels.
    promoted_for : ReasonCode, optional
        Why it was promoted; `None` where no live decision says so.
    fault : str, optional
        Why it could not be scored; `None` where it could, and in rows that were written before this was recorded.
    """

    version: int
    candidate_id: str
    training_hash: str
    training_cutoff: dt.date
    prediction_hash: str | None
    is_tainted: bool
    promoted_for: ReasonCode | None = None
    fault: str | None = None


class GuardrailFinding(Record):
    """What one guardrail saw.

    Attributes
    ----------
    code : ReasonCode
        The guardrail.
    passed : bool
        Whether the candidate may go on.
    value, limit : float
        Observed figure and the threshold it is held against.
    sentence : str
        Both in words.
    """

    code: ReasonCode
    passed: bool
    value: JsonFloat
    limit: JsonFloat
    sentence: str


class LedgerFacts(Record):
    """What only a ledger knows; the defaults are those of a history that is replayed without one.

    Attributes
    ----------
    frozen_until : datetime.date, optional
        Promotions are frozen before this day.
    is_quarantined : bool
        Whether the candidate was rolled back from before.
    inconclusive_in_a_row : int
        Inconclusive live decisions directly before this one; only in rows of rule version 6 and before.
    alias_disagrees : bool
        Whether the registry's alias was moved by something else.
    blocked_by, blocked_in_a_row : ReasonCode, optional, int
        The guardrail that rejected the candidates of the live decisions directly before this one, and how many of
        them; not in rows of rule version 6 and before.
    """

    frozen_until: dt.date | None = None
    is_quarantined: bool = False
    inconclusive_in_a_row: int = 0
    alias_disagrees: bool = False
    blocked_by: ReasonCode | None = None
    blocked_in_a_row: int = 0


class Case(Record):
    """Everything a decision rests on.

    Attributes
    ----------
    as_of : datetime.date
        The knowledge cut-off.
    newest : WindowEvidence
        The candidate on the partition's own holdout.
    earlier : tuple of WindowEvidence
        Windows of earlier live decisions in use, oldest first.
    dropped : dict
        Partition key of each window left out to the reason.
    champion : ChampionFacts, optional
        The opponent.
    training_hash, prediction_hash : str
        Of the candidate.
    gap_days : int
        Days that have to lie between training and window.
    guardrails : tuple of GuardrailFinding
        All of them, passed or not; an empty tuple promotes nothing.
    ledger : LedgerFacts
        What only the ledger knows.
    """

    as_of: dt.date
    newest: WindowEvidence
    earlier: tuple[WindowEvidence, ...]
    dropped: dict[str, str]
    champion: ChampionFacts | None
    training_hash: str
    prediction_hash: str
    gap_days: int
    guardrails: tuple[GuardrailFinding, ...]
    ledger: LedgerFacts = LedgerFacts()

    @property
    def used(self) -> tuple[WindowEvidence, ...]:
        """The windows in use, the newest last, unless it is suspect or dropped itself."""
        is_left_out = self.newest.labels_are_suspect or self.newest.partition_key in self.dropped
        return self.earlier if is_left_out else (*self.earlier, self.newest)


class Comparison(Record):
    """The paired comparison, per block and relative to the champion's mean block loss.

    Attributes
    ----------
    n_blocks, n_fires, n_windows : int
        Evidence in use.
    mean_gain : float
        Mean over blocks of champion's loss less challenger's.
    champion_loss : float
        Mean block loss of the champion (of climatology, where there is none).
    relative_gain, interval_low, interval_high : float
        Gain over champion's loss with its two-sided t interval.
    bootstrap_low, bootstrap_high : float
        The same interval by the block bootstrap.
    e_value : float
        Anytime-valid evidence; 10 or more is strong.
    own_gain, own_upper : float
        Gain of the newest challengers on their own windows, and its upper bound, per block.
    block_gains : tuple of float
        The gains themselves, oldest first.
    """

    n_blocks: int
    n_fires: int
    n_windows: int
    mean_gain: JsonFloat
    champion_loss: JsonFloat
    relative_gain: JsonFloat
    interval_low: JsonFloat
    interval_high: JsonFloat
    bootstrap_low: JsonFloat
    bootstrap_high: JsonFloat
    e_value: JsonFloat
    own_gain: JsonFloat
    own_upper: JsonFloat
    block_gains: tuple[JsonFloat, ...]


class Decision(Record):
    """What was decided and why, in one sentence and in figures.

    Attributes
    ----------
    outcome, reason_code : Outcome, ReasonCode
        The verdict.
    sentence : str
        The verdict for people.
    comparison : Comparison
        The evidence pooled.
    champion_age_days : int, optional
        Days from the champion's training cut-off to `as_of`.
    alerts : tuple of str
        What a person should look at.
    """

    outcome: Outcome
    reason_code: ReasonCode
    sentence: str
    comparison: Comparison
    champion_age_days: int | None
    alerts: tuple[str, ...]
