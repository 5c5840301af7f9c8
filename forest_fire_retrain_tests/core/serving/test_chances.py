"""Chances and log odds in words."""

from forest_fire_retrain.core.serving.chances import show_log_odds


def test_a_part_that_rounds_to_nothing_has_no_sign_of_less() -> None:
    assert [show_log_odds(part) for part in (-0.004, 0.0, 0.004, -0.006)] == ["+0.00", "+0.00", "+0.00", "-0.01"]
