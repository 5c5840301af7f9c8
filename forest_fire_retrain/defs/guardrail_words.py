"""What a guardrail saw, in words for people of a fire department; the decision's own sentence stays beside it."""

import math
from typing import NamedTuple

from forest_fire_retrain.core.decision.block_statistics import quotient
from forest_fire_retrain.core.decision.case import GuardrailFinding
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.decision.window_evidence import WindowEvidence
from forest_fire_retrain.core.decision.wording import counted

NOT_COMPARED = "no champion to compare with"


class Words(NamedTuple):
    """What was observed, and what it is held against."""

    value: str
    limit: str

    def __str__(self) -> str:
        """Both, as a check says them."""
        return f"{self.value} (limit: {self.limit})"


def describe_guardrail(seen: GuardrailFinding, newest: WindowEvidence) -> Words:
    """A finding in words.

    Parameters
    ----------
    seen : GuardrailFinding
        What the guardrail found.
    newest : WindowEvidence
        The newest window, which the candidate is compared with climatology on.
    """
    if seen.sentence == NOT_COMPARED:
        return Words(NOT_COMPARED, "none")
    if seen.code is ReasonCode.BELOW_CLIMATOLOGY:
        return Words(_beside_climatology(newest), "not surely worse over all windows in use")
    if not math.isfinite(seen.value):
        return Words("not known", _limit_of(seen))
    return Words(_value_of(seen), _limit_of(seen))


def _beside_climatology(newest: WindowEvidence) -> str:
    gain = 1 - quotient(sum(newest.loss_challenger), sum(newest.loss_climatology))
    if not math.isfinite(gain):
        return "not known beside climatology"
    return f"{better_or_worse(gain)} climatology on the newest window"


def better_or_worse(gain: float) -> str:
    """`7 % better than`, `2 % worse than`, `as good as`; a gain is a share of the other's loss."""
    share = round(100 * abs(gain))
    if share == 0:
        return "as good as"
    return f"{share} % {'better' if gain > 0 else 'worse'} than"


def _value_of(seen: GuardrailFinding) -> str:
    value = seen.value
    said = {
        ReasonCode.SCHEMA: f"{round(100 * value)} % more values missing than in training",
        ReasonCode.NON_FINITE: f"{counted(int(value), 'prediction')} outside 0 to 1",
        ReasonCode.MISCALIBRATED: f"{value:.1f} standard deviations from the recorded fires",
        ReasonCode.PREDICTION_SHIFT: f"{value:.2f} times as many fires expected as usual",
        ReasonCode.RANK_SHIFT: f"log odds differ by {value:.2f}",
    }
    return said.get(seen.code) or _region_of(value)


def _region_of(worse: float) -> str:
    if worse == 0:
        return "no region is worse"
    return f"{100 * abs(worse):.1f} % {'worse' if worse > 0 else 'better'} in the region that stands out"


def _limit_of(seen: GuardrailFinding) -> str:
    limit = seen.limit
    if seen.code is ReasonCode.SCHEMA:
        return f"at most {100 * limit:.3g} %"
    if seen.code is ReasonCode.NON_FINITE:
        return "none"
    if seen.code is ReasonCode.PREDICTION_SHIFT:
        return f"at {'least' if limit < 1 else 'most'} {limit:.3g}"
    if seen.code is ReasonCode.SLICE_REGRESSION:
        return f"at most {100 * limit:.3g} % worse"
    return f"at most {limit:.3g}"
