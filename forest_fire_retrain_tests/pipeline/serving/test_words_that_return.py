"""What is said again after something else was said: the last word stands for the day."""

import datetime as dt
from dataclasses import replace

import pyarrow as pa
import pytest

from forest_fire_retrain import operations
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.serving.issues import Issue, answer_of_day
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.reading_predictions import issues_between, read_last_live_of
from forest_fire_retrain_tests.example_installation import NOW
from forest_fire_retrain_tests.example_reigns import Reigns, three_reigns
from forest_fire_retrain_tests.fakes.lake import FakeLake

TODAY = dt.date(2026, 3, 2)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


@pytest.fixture
def reigns() -> Reigns:
    return three_reigns()


def predict(installation: Installation, hours: float, classes: dict[str, float] | None = None) -> PredictedDay:
    """What is said of today some hours after the example's present, by default with the classes of the settings."""
    if classes is not None:
        settings = installation.settings.model_copy(update={"risk_classes": classes})
        installation = replace(installation, settings=settings)
    (said,) = operations.predict_days(installation, [TODAY], retro=False, now=NOW + hours * HOUR)
    return said


def issues(lake: FakeLake) -> list[Issue]:
    return issues_between(lake, Interval(start=TODAY, end=TODAY + DAY))


def test_what_is_said_again_after_something_else_is_another_issue_and_answers_for_the_day(reigns: Reigns) -> None:
    said = []
    for hours, classes in enumerate((None, {"all": 0.0}, None, {"all": 0.0}, None), start=1):
        said.append(predict(reigns.installation, hours, classes))
        assert said[-1].is_new
        again = predict(reigns.installation, hours + 0.1, classes)
        assert (again.is_new, again.issue) == (False, said[-1].issue)
        assert answer_of_day(issues(reigns.lake), TODAY) == said[-1].issue
    assert len({day.issue.name for day in said}) == len(issues(reigns.lake)) == 5
    assert len({tuple(day.rows["feature_hash"].to_pylist()) for day in said}) == 1
    earlier = predict(reigns.installation, 1.5)
    assert earlier.issue == said[0].issue  # what was said later plays no part


def test_a_run_that_was_overtaken_by_one_that_says_the_same_writes_nothing(reigns: Reigns) -> None:
    said = predict(reigns.installation, 2)
    overtaken = predict(reigns.installation, 1)
    assert (overtaken.is_new, overtaken.issue) == (False, said.issue)


def test_after_a_promotion_and_its_rollback_the_version_that_was_taken_back_answers(reigns: Reigns) -> None:
    predict(reigns.installation, 1)
    for hours, version in ((2, 1), (4, 3)):
        stamp = Stamp(NOW + hours * HOUR, "ada", "cli")
        operations.rolling_back.roll_back(
            reigns.installation.stores,
            "forest_fire_risk",
            to_version=version,
            reason="test",
            freeze_until=None,
            stamp=stamp,
        )
        predict(reigns.installation, hours + 1)
    answer = answer_of_day(issues(reigns.lake), TODAY)
    assert answer is not None
    assert answer.version == 3


def test_an_alert_goes_when_the_weather_that_was_there_before_is_there_again(reigns: Reigns) -> None:
    class Silent:
        """The source on a day on which it says nothing of the day itself."""

        name = reigns.installation.source.name

        def read(self, recorded: Interval) -> object:
            said = reigns.installation.source.read(recorded)
            days = said.weather["date"].to_pylist()
            return said._replace(weather=said.weather.filter(pa.array([day != TODAY for day in days])))

        def read_whole(self) -> None:
            return None

    for hours, installation, share in (
        (1, reigns.installation, 0.0),
        (2, replace(reigns.installation, source=Silent()), 1.0),  # type: ignore[arg-type]
        (3, reigns.installation, 0.0),
    ):
        predict(installation, hours)
        last = read_last_live_of(reigns.lake)
        assert last is not None
        assert last.share_without_weather == share
