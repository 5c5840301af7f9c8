"""What a candidate may never do, however good its average: one finding per guardrail.

Rules
-----
- A finding always says its value and its limit, also when it passes.
- A figure that is not finite fails the guardrail that needs it.
- Without a champion, predictions are compared with the candidate's before; without that too, what compares passes
  and says so.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from forest_fire_retrain.core.decision.block_statistics import describe_blocks, quotient, sum_blocks
from forest_fire_retrain.core.decision.case import GuardrailFinding
from forest_fire_retrain.core.decision.scored_rows import NullShares, ScoredRows, find_worst_measure
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.decision.window_evidence import SliceSums, WindowEvidence
from forest_fire_retrain.core.decision.window_sums import day_numbers, join_days
from forest_fire_retrain.core.decision.wording import counted, figure, percent, points, threshold
from forest_fire_retrain.core.losses import clip

USUAL_WINDOWS = 3
"""Windows whose challengers say what is usual: one broken retrain among them does not."""


def check_schema(
    *, n_rows: int, n_expected_rows: int, null_shares: Mapping[str, NullShares], rule: DecisionRule
) -> GuardrailFinding:
    """One row per cell and day, and no raw measure that the feed stopped to deliver.

    Only the newest window counts: what derived features remember of an earlier gap, champion and candidate share.

    Parameters
    ----------
    n_rows, n_expected_rows : int
        Holdout rows, and how many there have to be.
    null_shares : mapping
        Raw measure to its missing shares.
    rule : DecisionRule
        Thresholds.
    """
    name, worst = find_worst_measure(null_shares)
    sentence = (
        f"{counted(n_rows, 'row')} for {counted(n_expected_rows, 'cell-day')}; {name} is missing in "
        f"{percent(worst.newest, sign='')} of the newest window and in {percent(worst.training, sign='')} of training, "
        f"{points(worst.growth)} more, allowed {points(rule.null_share_max)}"
    )
    passed = n_rows == n_expected_rows and worst.growth <= rule.null_share_max
    return GuardrailFinding(
        code=ReasonCode.SCHEMA, passed=passed, value=worst.growth, limit=rule.null_share_max, sentence=sentence
    )


def check_finite(rows: ScoredRows) -> GuardrailFinding:
    """Every probability of the candidate is a number strictly between 0 and 1."""
    n_bad = int(np.count_nonzero(~((rows.challenger > 0) & (rows.challenger < 1))))
    sentence = (
        f"{n_bad} of {counted(len(rows.challenger), 'prediction')} {'is' if n_bad == 1 else 'are'} no probability"
    )
    passed = n_bad == 0 and len(rows.challenger) > 0
    return GuardrailFinding(code=ReasonCode.NON_FINITE, passed=passed, value=n_bad, limit=0.0, sentence=sentence)


def check_climatology(windows: Sequence[WindowEvidence], rule: DecisionRule) -> GuardrailFinding:
    """The challengers are not surely worse than the cells' historical rates, over the windows in use."""
    excess = [np.subtract(window.loss_challenger, window.loss_climatology) for window in windows]
    sums = sum_blocks(day_numbers(windows), join_days(excess), rule.block_days)
    statistics = describe_blocks(sums)
    bound = statistics.lower_bound(rule.climatology_confidence)
    total = float(sum(values.sum() for values in excess))
    passed = math.isfinite(total) and (total <= 0 or not bound > 0)
    shown = (
        figure(bound, 0.0, sign="+", digits=3)
        if math.isfinite(bound)
        else f"not known from {counted(statistics.n_blocks, 'block')}"
    )
    sentence = (
        f"loss less climatology's {figure(total, 0.0, sign='+', digits=3)} over {counted(len(windows), 'window')}, "
        f"{rule.climatology_confidence:.0%} lower bound a block {shown}, allowed up to 0"
    )
    return GuardrailFinding(code=ReasonCode.BELOW_CLIMATOLOGY, passed=passed, value=bound, limit=0.0, sentence=sentence)


def check_calibration(newest: WindowEvidence, rule: DecisionRule) -> GuardrailFinding:
    """Recorded fires are not far from the candidate's expectation while the champion is nearer."""
    z = _calibration_z(newest.n_fires, sum(newest.expected_challenger), rule)
    against = _calibration_z(newest.n_fires, sum(newest.expected_champion), rule) if newest.expected_champion else 0.0
    passed = abs(z) <= rule.calibration_z or (bool(newest.expected_champion) and abs(z) <= abs(against))
    shown, limit = figure(z, math.copysign(rule.calibration_z, z), sign="+", digits=1), f"{rule.calibration_z:.3g}"
    fires = counted(newest.n_fires, "fire")
    sentence = f"{fires}, {sum(newest.expected_challenger):.1f} expected: z = {shown}, allowed up to {limit} either way"
    if newest.expected_champion:
        sentence += f" or as far as the champion's, {figure(against, z, sign='+', digits=1)}"
    return GuardrailFinding(
        code=ReasonCode.MISCALIBRATED,
        passed=passed and math.isfinite(z),
        value=abs(z),
        limit=rule.calibration_z,
        sentence=sentence,
    )


def check_prediction_shift(rows: ScoredRows, earlier: Sequence[WindowEvidence], rule: DecisionRule) -> GuardrailFinding:
    """The candidate's predictions sum to about what the champion's and the last challengers' do; needs no labels.

    The evidence that is pooled comes from the challengers before it: a candidate that suddenly predicts much more or
    fewer fires than they did, relative to the champion, is not one of them.

    Parameters
    ----------
    rows : ScoredRows
        The newest window.
    earlier : sequence of WindowEvidence
        Earlier windows in use, oldest first.
    rule : DecisionRule
        Thresholds.
    """
    if rows.reference is None:
        return _without_champion(ReasonCode.PREDICTION_SHIFT, rule.prediction_ratio_max)
    whose, probabilities = rows.reference
    ratio, sentence = quotient(float(rows.challenger.sum()), float(probabilities.sum())), ""
    allowed = {whose: (ratio, rule.prediction_ratio_min, rule.prediction_ratio_max)}
    usual = 1.0
    if rows.champion is not None:
        usual = _usual_ratio(earlier[-USUAL_WINDOWS:])
        sentence = f", with the last challengers {usual:.2f}"
    allowed["what is usual"] = (quotient(ratio, usual), 1 / rule.prediction_jump_max, rule.prediction_jump_max)
    failing = [name for name, (value, low, high) in allowed.items() if not low <= value <= high]
    value, low, high = allowed[failing[0] if failing else whose]
    sentence = f"sum of predictions {ratio:.2f} times {whose}{sentence}"
    if failing:
        beyond = figure(value, low if value < 1 else high)
        sentence += f"; {beyond} times {failing[0]}, allowed {low:.2f} to {high:.2f}"
    return GuardrailFinding(
        code=ReasonCode.PREDICTION_SHIFT,
        passed=not failing,
        value=value,
        limit=low if value < 1 else high,
        sentence=sentence,
    )


def check_rank_shift(rows: ScoredRows, rule: DecisionRule) -> GuardrailFinding:
    """The candidate orders the cell-days about as the champion does, or the candidate before it; needs no labels."""
    if rows.reference is None:
        return _without_champion(ReasonCode.RANK_SHIFT, rule.rank_shift_max)
    whose, probabilities = rows.reference
    spread = float(np.std(logit(clip(rows.challenger)) - logit(clip(probabilities))))
    sentence = f"log odds differ from {whose} by a standard deviation of {figure(spread, rule.rank_shift_max)}, "
    sentence += f"allowed up to {rule.rank_shift_max:.3g}"
    return GuardrailFinding(
        code=ReasonCode.RANK_SHIFT,
        passed=spread <= rule.rank_shift_max,
        value=spread,
        limit=rule.rank_shift_max,
        sentence=sentence,
    )


def check_slices(recent: Sequence[WindowEvidence], overdispersion: float, rule: DecisionRule) -> GuardrailFinding:
    """No region is both significantly and considerably worse than under the champion.

    A score test in the direction in which the models disagree, S = Σ(loss_new - loss_champion),
    z = (S - μ)/√(φV), with Holm's adjustment (1979) over regions.

    Parameters
    ----------
    recent : sequence of WindowEvidence
        Windows of the newest challengers.
    overdispersion : float
        φ ≥ 1 of weekly fire counts.
    rule : DecisionRule
        Thresholds.
    """
    if not any(window.slices for window in recent):
        return _without_champion(ReasonCode.SLICE_REGRESSION, rule.slice_loss_max)
    pooled = [sums for sums in _pool_slices(recent) if sums.n_fires >= rule.slice_min_fires or not sums.is_finite]
    if not pooled:
        sentence = (
            f"no region has {counted(rule.slice_min_fires, 'fire')} in the newest windows: nothing can be told apart"
        )
        return GuardrailFinding(
            code=ReasonCode.SLICE_REGRESSION, passed=True, value=0.0, limit=rule.slice_loss_max, sentence=sentence
        )
    p_values = _holm([_slice_p(sums, overdispersion) for sums in pooled])
    worse = [sums.loss_difference / sums.loss_champion if sums.loss_champion > 0 else math.nan for sums in pooled]
    failing = [
        index
        for index, (p, loss) in enumerate(zip(p_values, worse, strict=True))
        if not (p >= rule.slice_p_max or loss <= rule.slice_loss_max)
    ]
    shown = failing[0] if failing else int(np.argmin(p_values))
    sentence = (
        f"{pooled[shown].name}: loss {percent(worse[shown], rule.slice_loss_max)} against the champion's, adjusted p = "
        f"{figure(p_values[shown], rule.slice_p_max)}; a region fails above "
        f"{threshold(rule.slice_loss_max)} with p below {rule.slice_p_max:.3g}"
    )
    return GuardrailFinding(
        code=ReasonCode.SLICE_REGRESSION,
        passed=not failing,
        value=worse[shown],
        limit=rule.slice_loss_max,
        sentence=sentence,
    )


def weekly_overdispersion(windows: Sequence[WindowEvidence], rule: DecisionRule) -> float:
    """φ ≥ 1: mean of (O - E)²/E over blocks, E the challengers' expectation."""
    days = day_numbers(windows)
    fires = join_days([np.array(window.fires, dtype=float) for window in windows])
    expectations = join_days([np.array(window.expected_challenger) for window in windows])
    observed, expected = (sum_blocks(days, series, rule.block_days) for series in (fires, expectations))
    usable = expected > 0
    if not usable.any():
        return 1.0
    return max(1.0, float(np.mean((observed[usable] - expected[usable]) ** 2 / expected[usable])))


def _calibration_z(n_fires: int, expected: float, rule: DecisionRule) -> float:
    variance = expected + rule.calibration_overdispersion * expected**2
    return (n_fires - expected) / math.sqrt(variance) if variance > 0 else math.nan


def _usual_ratio(windows: Sequence[WindowEvidence]) -> float:
    """Median over windows of the challenger's expected fires over the champion's; 1 without any."""
    ratios = [quotient(sum(window.expected_challenger), sum(window.expected_champion)) for window in windows]
    return float(np.median(ratios)) if ratios else 1.0


def _without_champion(code: ReasonCode, limit: float) -> GuardrailFinding:
    return GuardrailFinding(code=code, passed=True, value=0.0, limit=limit, sentence="no champion to compare with")


def _pool_slices(windows: Sequence[WindowEvidence]) -> list[SliceSums]:
    names = sorted({sums.name for window in windows for sums in window.slices})
    return [_add_slices(name, [s for window in windows for s in window.slices if s.name == name]) for name in names]


def _add_slices(name: str, parts: Sequence[SliceSums]) -> SliceSums:
    summed = ("n_fires", "loss_champion", "loss_difference", "expected_difference", "variance")
    return SliceSums(name=name, **{field: sum(getattr(part, field) for part in parts) for field in summed})


def _slice_p(sums: SliceSums, overdispersion: float) -> float:
    spread = math.sqrt(overdispersion * sums.variance)
    if not math.isfinite(spread):
        return 0.0
    return float(norm.sf((sums.loss_difference - sums.expected_difference) / spread)) if spread > 0 else 1.0


def _holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given."""
    order = np.argsort(p_values)
    steps = np.array(p_values)[order] * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.minimum(np.maximum.accumulate(steps), 1.0)
    back = np.empty(len(p_values))
    back[order] = adjusted
    return [float(p) for p in back]
