"""The thresholds of the decision rule; stored with every decision under its version."""

import warnings
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from forest_fire_retrain.core.windows import Cadence

RULE_VERSION = "7"
INTRODUCED: dict[int, dict[str, float]] = {
    4: {"refresh_min_gain": -1.0, "tainted_gain_factor": 1.0},
    5: {"taint_share": 0.0},
    6: {"tainted_min_blocks": 1, "refresh_age_after_superior_days": 36_500},
    7: {"alert_blocked_in_a_row": 1_000_000},
}
"""Thresholds by the version that brought them, at the values under which a decision is as it was without them."""

DROPPED = ("direction", "suspect_share", "alert_inconclusive_in_a_row")
"""What older rows have and nothing looks at any more.

Which way a metric improves follows from the metric. The share of the expected fires below which a window could be
suspect (0.45) never decided: `suspect_z` asks for fewer than 1 - 1.75 √0.1 = 0.447 of them, however many are expected.
Inconclusive decisions in a row were an alert, although every reign begins with some.
"""

REFRESH_AGE_DAYS = {Cadence.WEEKLY: 168, Cadence.MONTHLY: 330}
"""Who retrains weekly asks to follow sooner, and has the windows of many challengers to judge by after 24 weeks."""

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Metric(StrEnum):
    """What a decision is made on; each is a loss per day, a sum over the day's cells or fires."""

    LOG_LOSS = "log_loss"
    BRIER = "brier"
    ROC_AUC = "roc_auc"
    AVERAGE_PRECISION = "average_precision"

    @property
    def sees_calibration(self) -> bool:
        """Whether a model whose probabilities are all too high or too low looks worse under it."""
        return self in (Metric.LOG_LOSS, Metric.BRIER)


class DecisionRule(BaseModel):
    """Every threshold of the rule.

    Attributes
    ----------
    version : str
        Version of the rule's logic.
    metric : Metric
        What is compared; a loss, so that less is better.
    evidence_days : int
        Longest evidence, back from the end of the newest window.
    block_days : int
        Length of a block, the unit of sampling.
    min_fires, min_blocks : int
        Evidence below these answers nothing.
    superior_confidence, superior_min_gain : float
        One-sided confidence of the superior bound; smallest gain relative to the champion's loss.
    tainted_gain_factor, tainted_min_blocks : float, int
        How many times that gain, and how many blocks, a challenger needs that was trained on suspect labels. The fires
        it lacks are one season's, so that it has to be seen through the others and that one too.
    own_window_days, own_window_confidence : int, float
        Days of the newest challengers' windows, and the confidence of their upper bound.
    refresh_age_days, refresh_confidence, refresh_margin : int, float, float
        Age of the champion's training cut-off from which a challenger no worse than the margin replaces it; `at` gives
        a cadence its own age.
    refresh_age_after_superior_days : int
        The same age where it is shorter, of a champion that was promoted for being better: what made it better goes on
        after it was trained.
    refresh_min_gain : float
        Smallest gain, relative to the champion's loss, of such a challenger; below zero is a loss.
    interval_confidence : float
        Two-sided confidence of the reported intervals.
    suspect_z, suspect_overdispersion, suspect_min_expected : float
        Label gate: fires that far below the expectation, where it exceeds the minimum.
    suspect_days : int
        Days that the label gate counts, back from the end of the newest window; never less than that window.
    taint_share : float
        Share of its training fires missing from suspect windows above which a model is tainted.
    calibration_z, calibration_overdispersion : float
        Guardrail on recorded against expected fires.
    prediction_ratio_min, prediction_ratio_max : float
        Guardrail on the sum of the candidate's predictions over the champion's.
    prediction_jump_max : float
        Guardrail on the same sum over what the last challengers' was, as a factor up or down; without a champion, on
        the candidate's sum over the preceding candidate's.
    rank_shift_max : float
        Guardrail on the standard deviation of the difference of log odds.
    slice_p_max, slice_loss_max, slice_min_fires : float, float, int
        Guardrail per region: Holm-adjusted p below, and relative loss above; a region with fewer fires says nothing.
    climatology_confidence : float
        One-sided confidence that the challenger is worse than climatology.
    null_share_max : float
        Guardrail on a raw measure's missing share in the newest window above that in training; beyond it the weather
        feed is silent, and the window is no evidence.
    patrol_budget_share : float
        Share of cell-days that patrols can visit, for the recall that is reported.
    alert_blocked_in_a_row, alert_champion_age_days : int
        When a person is told: of periods in a row that the same guardrail blocked, of the days since the champion's
        training cut-off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = RULE_VERSION
    metric: Metric = Metric.LOG_LOSS
    evidence_days: Count = 364
    block_days: Count = 7
    min_fires: Count = 20
    min_blocks: Annotated[int, Field(ge=2)] = 4
    superior_confidence: Share = 0.85
    superior_min_gain: Annotated[float, Field(ge=0)] = 0.01
    tainted_gain_factor: Annotated[float, Field(ge=1)] = 3.0
    tainted_min_blocks: Count = 39
    own_window_days: Count = 28
    own_window_confidence: Share = 0.80
    refresh_age_days: Count = REFRESH_AGE_DAYS[Cadence.MONTHLY]
    refresh_age_after_superior_days: Count = 182
    refresh_confidence: Share = 0.95
    refresh_margin: Positive = 0.02
    refresh_min_gain: Annotated[float, Field(ge=-1)] = 0.0
    interval_confidence: Share = 0.80
    suspect_z: Positive = 1.75
    suspect_overdispersion: Positive = 0.1
    suspect_min_expected: Positive = 10.0
    suspect_days: Count = 28
    taint_share: Annotated[float, Field(ge=0, lt=1)] = 0.025
    calibration_z: Positive = 3.0
    calibration_overdispersion: Positive = 0.15
    prediction_ratio_min: Share = 0.5
    prediction_ratio_max: Annotated[float, Field(gt=1)] = 2.0
    prediction_jump_max: Annotated[float, Field(gt=1)] = 1.4
    rank_shift_max: Positive = 1.0
    slice_p_max: Share = 0.05
    slice_loss_max: Positive = 0.05
    slice_min_fires: Count = 10
    climatology_confidence: Share = 0.95
    null_share_max: Share = 0.25
    patrol_budget_share: Share = 0.05
    alert_blocked_in_a_row: Count = 3
    alert_champion_age_days: Count = 547

    def at(self, cadence: Cadence) -> Self:
        """The rule at a cadence: the age of a refresh is the cadence's own, unless it was set."""
        if "refresh_age_days" in self.model_fields_set:
            return self
        return self.model_copy(update={"refresh_age_days": REFRESH_AGE_DAYS[cadence]})

    @model_validator(mode="before")
    @classmethod
    def _read_older_versions(cls, data: object) -> object:
        if not isinstance(data, dict) or not str(data.get("version", RULE_VERSION)).isdecimal():
            return data
        version = int(data.get("version", RULE_VERSION))
        if "version" in data and not data.keys().isdisjoint(DROPPED):  # a row, and no setting of today
            data = {name: value for name, value in data.items() if name not in DROPPED}
        absent = [values for introduced, values in INTRODUCED.items() if version < introduced]
        return {name: value for values in absent for name, value in values.items()} | data if absent else data

    @model_validator(mode="after")
    def _warn_of_metric(self) -> Self:
        if not self.metric.sees_calibration:
            warnings.warn(
                f"decisions on {self.metric} cannot see a model whose probabilities are all too high or too low; "
                "log_loss can",
                stacklevel=2,
            )
        return self
