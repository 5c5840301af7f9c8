"""Every asset check of the project, once sound and once broken by hand; over a range each period counts."""

import datetime as dt
import math
from collections.abc import Callable
from typing import NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from forest_fire_retrain.core.periods import Periods
from forest_fire_retrain.core.rows.park_days import midnights
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.windows import UTC, Cadence, Interval, WindowPolicy
from forest_fire_retrain.defs.check_results import N_LISTED, PeriodFinding, check_periods
from forest_fire_retrain.defs.features import find_coverage
from forest_fire_retrain.defs.ingest import find_gaps
from forest_fire_retrain.defs.retraining import GUARDRAIL_CHECKS, check_guardrails, find_distance
from forest_fire_retrain.pipeline.retraining.adjudicating import Adjudication
from forest_fire_retrain_tests.example_park import empty_bench
from forest_fire_retrain_tests.fakes.lake import FakeLake

PERIODS = Periods(
    history_start=dt.date(2024, 1, 1),
    history_end=None,
    cadence=Cadence.WEEKLY,
    policy=WindowPolicy(label_delay_days=14, gap_days=14, training_window_days=400, min_training_days=60),
)
WEEKS = ("2024-06-03", "2024-06-10", "2024-06-17")


def finding(key: str, *, passed: bool = True, value: float = 1.0) -> PeriodFinding:
    return PeriodFinding(key, passed, value, 2.0, f"saw {value:g}")


# ---- over a range ----


def test_one_failing_period_fails_the_check_wherever_it_stands() -> None:
    for place in range(3):
        findings = [finding(key, passed=position != place) for position, key in enumerate(WEEKS)]
        result = check_periods("check", findings)
        assert not result.passed
        assert result.description == f"Failed in 1 of 3 periods. {WEEKS[place]}: saw 1."


def test_a_check_that_passes_everywhere_says_so_and_shows_the_last_period() -> None:
    result = check_periods("check", [finding(key, value=place) for place, key in enumerate(WEEKS)])
    assert result.passed
    assert result.description == "Passed in all 3 periods. The last one, 2024-06-17: saw 2."
    assert result.metadata["value"].value == 2.0


def test_every_period_stands_in_the_table() -> None:
    table = check_periods("check", [finding(key) for key in WEEKS]).metadata["periods"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["period"] for record in table.records] == list(WEEKS)


def test_of_a_long_range_the_table_has_the_newest_periods_and_those_that_failed() -> None:
    keys = [f"{number:04d}" for number in range(100)]
    metadata = check_periods("check", [finding(key, passed=key != "0007") for key in keys]).metadata
    table = metadata["periods"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["period"] for record in table.records] == ["0007", *keys[-N_LISTED:]]
    assert metadata["periods not listed"].value == 100 - N_LISTED - 1


def test_more_failing_periods_than_are_named_are_counted() -> None:
    result = check_periods("check", [finding(f"2024-01-{day:02d}", passed=False) for day in range(1, 9)])
    assert str(result.description).startswith("Failed in 8 of 8 periods. 2024-01-01: saw 1.")
    assert str(result.description).endswith("And 3 more.")


def test_a_value_that_is_not_known_is_no_number() -> None:
    unknown = [finding(key, passed=False, value=math.nan) for key in WEEKS]
    result = check_periods("check", unknown)
    assert "value" not in result.metadata
    table = result.metadata["periods"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["value"] == "not known"


def test_a_single_period_stands_in_the_words_of_the_result() -> None:
    alone = finding(WEEKS[0], value=1.5)
    result = check_periods("check", [alone])
    assert result.description == "2024-06-03: saw 1.5."
    assert set(result.metadata) == {"value", "limit"}
    detailed = check_periods("check", [alone._replace(detail="1.5 of 2 were seen")])
    assert detailed.metadata["what"].value == "1.5 of 2 were seen"


def test_a_check_that_looked_at_nothing_has_not_passed() -> None:
    assert not check_periods("check", []).passed


# ---- each check, sound and broken ----


def filled_lake() -> FakeLake:
    """Three cells with weather and features on every day of the weeks."""
    lake = FakeLake()
    days = [dt.date(2024, 6, 3) + dt.timedelta(days=day) for day in range(21)]
    keys = pa.table({"cell_id": ["c1", "c2", "c3"] * len(days), "date": [day for day in days for _ in range(3)]})
    lake.overwrite(TableName.CELLS, pa.table({"cell_id": ["c1", "c2", "c3"]}))
    recorded = midnights(keys["date"], UTC)
    lake.overwrite(TableName.WEATHER, keys.append_column("recorded_at", recorded))
    lake.overwrite(TableName.FEATURES, keys)
    return lake


class Broken(NamedTuple):
    """A lake check, the table that is broken under it, and what it has to say."""

    look: Callable[[FakeLake, Periods, str], PeriodFinding]
    table: TableName
    says: str


LAKE_CHECKS = {
    "weather_has_no_gaps": Broken(
        find_gaps,
        TableName.WEATHER,
        "3 of 21 cell-days from 2024-06-10 to 2024-06-16 (14.3%) have no row of weather, in 1 cell: c3",
    ),
    "features_cover_every_cell_and_day": Broken(
        find_coverage, TableName.FEATURES, "18 rows for 21 cell-days from 2024-06-10 to 2024-06-16"
    ),
}


@pytest.mark.parametrize("broken", LAKE_CHECKS.values(), ids=LAKE_CHECKS.keys())
def test_a_cell_that_lost_some_days_is_seen_in_its_period_and_in_no_other(broken: Broken) -> None:
    lake = filled_lake()
    assert all(broken.look(lake, PERIODS, key).passed for key in WEEKS)
    rows = lake.read(broken.table)
    lost = pc.and_(pc.equal(rows["cell_id"], "c3"), pc.greater_equal(rows["date"], dt.date(2024, 6, 14)))
    lost = pc.and_(lost, pc.less(rows["date"], dt.date(2024, 6, 17)))
    lake.overwrite(broken.table, rows.filter(pc.invert(lost)))
    findings = [broken.look(lake, PERIODS, key) for key in WEEKS]
    assert [found.passed for found in findings] == [True, False, True]
    assert findings[1].sentence == broken.says


def test_a_cell_without_any_weather_is_named() -> None:
    lake = filled_lake()
    lake.overwrite(TableName.CELLS, pa.table({"cell_id": ["c1", "c2", "c3", "c4"]}))
    found = find_gaps(lake, PERIODS, WEEKS[0])
    assert not found.passed
    assert "7 of 28 cell-days" in found.sentence
    assert "in 1 cell: c4" in found.sentence


def test_a_second_row_of_a_cell_day_does_not_stand_for_a_missing_one() -> None:
    lake = filled_lake()
    rows = lake.read(TableName.WEATHER)
    kept = rows.filter(pc.invert(pc.and_(pc.equal(rows["cell_id"], "c3"), pc.equal(rows["date"], dt.date(2024, 6, 4)))))
    lake.overwrite(TableName.WEATHER, pa.concat_tables([kept, kept.slice(0, 1)]))
    assert find_gaps(lake, PERIODS, WEEKS[0]).value == 1


def test_a_holdout_nearer_to_the_training_than_the_configured_gap_is_seen() -> None:
    windows = PERIODS.windows_of(WEEKS[0])
    assert find_distance(windows, 14).passed
    near = windows.model_copy(
        update={"training": Interval(start=windows.training.start, end=windows.training.end + dt.timedelta(days=3))}
    )
    found = find_distance(near, 14)
    assert (found.passed, found.value, found.limit) == (False, 11, 14)
    assert "11 days between" in found.sentence
    assert "the configured gap is 14 days" in found.sentence
    assert not find_distance(windows, 15).passed  # windows laid out under a shorter gap than is configured


def decided() -> Adjudication:
    return empty_bench().decide(0)


@pytest.mark.parametrize("name", GUARDRAIL_CHECKS.values())
def test_a_guardrail_that_fails_in_the_newest_period_fails_its_check_and_no_other(name: str) -> None:
    sound = decided()
    code = next(code for code, check in GUARDRAIL_CHECKS.items() if check == name)
    guardrails = tuple(
        seen.model_copy(update={"passed": False, "value": 9.0}) if seen.code is code else seen
        for seen in sound.payload.guardrails
    )
    broken = sound._replace(payload=sound.payload.model_copy(update={"guardrails": guardrails}))
    results = check_guardrails([sound, broken])
    assert {result.check_name for result in results} == set(GUARDRAIL_CHECKS.values())
    assert [result.check_name for result in results if not result.passed] == [name]
    earlier = check_guardrails([broken, sound])
    assert all(result.passed for result in earlier), "it did its work then"
    told = {result.check_name for result in earlier if "Earlier in this run it failed in 1 period" in str(result)}
    assert told == {name}


def test_guardrails_that_nobody_looked_at_have_not_passed() -> None:
    sound = decided()
    blind = sound._replace(payload=sound.payload.model_copy(update={"guardrails": ()}))
    assert not any(result.passed for result in check_guardrails([blind]))
