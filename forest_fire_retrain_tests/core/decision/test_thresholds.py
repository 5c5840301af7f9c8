"""Thresholds are read back as they were when a decision was taken, whatever today's defaults are."""

import pytest
from pydantic import ValidationError

from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.thresholds import RULE_VERSION, DecisionRule
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain_tests.example_evidence import RULE, example_case

ADDED_IN_6 = {"tainted_min_blocks", "refresh_age_after_superior_days"}
ADDED_IN_7 = {"alert_blocked_in_a_row"}
ADDED_SINCE_3 = {"refresh_min_gain", "tainted_gain_factor", "taint_share"} | ADDED_IN_6 | ADDED_IN_7


def recorded_by_version_3() -> dict[str, object]:
    """The thresholds as a ledger row of version 3 has them."""
    return {**RULE.model_dump(mode="json", exclude=ADDED_SINCE_3), "version": "3"}


def test_a_rule_of_today_has_todays_defaults() -> None:
    assert DecisionRule.model_validate({}) == RULE
    assert DecisionRule.model_validate(RULE.model_dump(mode="json")) == RULE
    assert RULE.version == RULE_VERSION


def test_a_cadence_has_its_own_age_of_a_refresh_unless_one_was_set() -> None:
    assert [RULE.at(cadence).refresh_age_days for cadence in (Cadence.WEEKLY, Cadence.MONTHLY)] == [168, 330]
    assert DecisionRule(refresh_age_days=200).at(Cadence.WEEKLY).refresh_age_days == 200
    assert RULE.at(Cadence.WEEKLY).model_copy(update={"refresh_age_days": 330}) == RULE


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_thresholds_an_older_rule_did_not_have_bind_nothing(version: str) -> None:
    rule = DecisionRule.model_validate({**recorded_by_version_3(), "version": version})
    assert (rule.version, rule.refresh_min_gain, rule.tainted_gain_factor) == (version, -1.0, 1.0)
    assert (rule.taint_share, rule.tainted_min_blocks) == (0, 1)


def test_what_rows_had_and_no_rule_looked_at_is_read_over_but_is_no_setting() -> None:
    assert DecisionRule.model_validate({**RULE.model_dump(mode="json"), "direction": "minimize"}) == RULE
    with pytest.raises(ValidationError, match="direction"):
        DecisionRule.model_validate({"direction": "minimize"})


def test_a_rule_of_version_5_has_the_thresholds_it_had_and_none_of_later() -> None:
    recorded = RULE.model_dump(mode="json", exclude=ADDED_IN_6 | ADDED_IN_7) | {"version": "5"}
    in_6 = {"version": "5", "tainted_min_blocks": 1, "refresh_age_after_superior_days": 36_500}
    binding_nothing = {**in_6, "alert_blocked_in_a_row": 1_000_000}
    assert DecisionRule.model_validate(recorded) == RULE.model_copy(update=binding_nothing)


def test_a_rule_of_version_6_is_read_without_what_nothing_looks_at_any_more_and_without_later_alerts() -> None:
    older = {"version": "6", "suspect_share": 0.45, "alert_inconclusive_in_a_row": 3}
    recorded = RULE.model_dump(mode="json", exclude=ADDED_IN_7) | older
    neutral = {"version": "6", "alert_blocked_in_a_row": 1_000_000}
    assert DecisionRule.model_validate(recorded) == RULE.model_copy(update=neutral)
    for name in ("suspect_share", "alert_inconclusive_in_a_row"):
        with pytest.raises(ValidationError, match=name):
            DecisionRule.model_validate({name: older[name]})


def test_a_decision_of_version_3_is_computed_again_as_it_was() -> None:
    slightly_worse = example_case([0.4, -1.2] * 4, champion_age_days=400)
    before = DecisionRule.model_validate(recorded_by_version_3())
    assert adjudicate(slightly_worse, before).reason_code is ReasonCode.REFRESH_NON_INFERIOR
    assert adjudicate(slightly_worse, RULE).reason_code is ReasonCode.NOT_SUPERIOR
