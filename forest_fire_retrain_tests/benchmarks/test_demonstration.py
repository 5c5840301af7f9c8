"""The demonstration tells its story, in whichever season it begins."""

import datetime as dt

import pytest

from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain_tests.benchmarks.demonstration import TRAINED_ON_ARCHIVE, Story, decide_demonstration

SUMMER, WINTER = dt.date(2026, 5, 25), dt.date(2026, 11, 23)


@pytest.mark.slow
@pytest.mark.parametrize("first", [SUMMER, WINTER])
def test_the_story_is_whole_within_its_weeks(first: dt.date) -> None:
    story = decide_demonstration(first)
    assert len(story.decisions) == 26
    assert story.what_is_missing() == []
    refused = set(story.places(ReasonCode.PREDICTION_SHIFT)) & set(TRAINED_ON_ARCHIVE)
    assert any("times the champion's, allowed" in story.decisions[place - 1].sentence for place in refused)


def test_a_story_in_which_nothing_happened_lacks_every_part() -> None:
    assert len(Story((), ()).what_is_missing()) == 8
