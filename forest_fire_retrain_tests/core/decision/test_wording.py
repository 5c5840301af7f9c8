"""Figures as words: nouns that agree, and digits that tell a figure from its limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.decision.wording import MORE_DIGITS, counted, figure, percent, points, threshold


@pytest.mark.parametrize(("number", "said"), [(0, "0 fires"), (1, "1 fire"), (2, "2 fires")])
def test_a_noun_agrees_with_its_number(number: int, said: str) -> None:
    assert counted(number, "fire") == said


@pytest.mark.parametrize(
    ("share", "limit", "said"),
    [
        (0.0171, None, "+1.7%"),
        (0.0171, 0.01, "+1.7%"),
        (0.01004, 0.01, "+1.004%"),
        (0.01, 0.01, "+1.0%"),
        (-0.00004, 0.0, "-0.004%"),
        (-0.0196, -0.02, "-1.96%"),
        (0.02, -0.02, "+2.0%"),
    ],
)
def test_a_share_has_as_many_digits_as_tell_it_from_its_limit(share: float, limit: float | None, said: str) -> None:
    assert percent(share, limit) == said


def test_a_plain_figure_does_too() -> None:
    assert (figure(0.4996, 0.5), figure(1.25), figure(3.02, 3.0, digits=1)) == ("0.4996", "1.25", "3.02")


def test_a_threshold_is_shown_as_it_was_set() -> None:
    assert [threshold(share) for share in (0.01, 0.0025, 0.1234)] == ["1%", "0.25%", "12.34%"]


def test_the_difference_of_two_shares_is_in_points() -> None:
    assert points(0.53) == "53 percentage points"


@given(share=st.floats(-1, 1), limit=st.floats(-1, 1))
def test_what_is_shown_lies_on_the_side_of_the_limit_on_which_the_figure_lies(share: float, limit: float) -> None:
    shown = float(percent(share, limit).rstrip("%")) / 100
    if abs(share - limit) > 10.0 ** -(2 + MORE_DIGITS):
        assert (shown > round(limit, 4)) == (share > limit) or (shown < round(limit, 4)) == (share < limit)
    assert abs(shown - share) <= 0.0005 + 1e-12
