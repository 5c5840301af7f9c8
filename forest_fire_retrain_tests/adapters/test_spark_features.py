"""Features that Spark computes have the bits of those that one machine computes, whatever the panel and the groups."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest

from forest_fire_retrain.adapters import spark_session as sessions
from forest_fire_retrain.adapters.delta_files import list_files
from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.spark_features import SparkFeatures, translate
from forest_fire_retrain.adapters.spark_session import fault_behind, refuse_missing_spark, spark_session
from forest_fire_retrain.core.errors import ArtifactTamperedError, ConfigurationError, LakeError
from forest_fire_retrain.core.park_calendar import ParkCalendar
from forest_fire_retrain.core.rows.features import build_query
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.core.table_fingerprints import fingerprint_table
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain.pipeline.preparing.featuring import ROW_ORDER, build_features
from forest_fire_retrain_tests.core.rows.feature_park import (
    DAY,
    ENGINE,
    LONG_AGO,
    RANDOM_PARK,
    SPAN,
    START,
    Park,
    at,
    between,
    cells_with_days,
    compute,
    fire_row,
    weather_row,
    with_column,
)

WHY = "pyspark is not installed: pip install -e '.[spark]', and a Java of 17 or up"
WITHDRAWN_AND_LATE = with_column(
    RANDOM_PARK,
    weather=[
        {**weather_row("Bay", START + 40 * DAY, at(START + 40 * DAY, 20)), "withdrawn": True},
        {**weather_row("ridge", START + 90 * DAY, at(START + 95 * DAY), temp_max_c=44.0), "withdrawn": False},
        {**weather_row("été", START + 91 * DAY, at(START + 91 * DAY, 23), precip_mm=31.25), "withdrawn": False},
    ],
    fires=[
        {**fire_row("f1", "Bay", START + 20 * DAY, at(START + 120 * DAY)), "withdrawn": True},
        {**fire_row("f2", "ridge", START + 99 * DAY, at(START + 130 * DAY)), "withdrawn": False},
        {**fire_row("nowhere", "no cell", START + 99 * DAY, at(START + 101 * DAY)), "withdrawn": False},
    ],
)
COMING_AND_GOING = cells_with_days(Bay=(START + 30 * DAY, None), ridge=(None, START + 150 * DAY))


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A Spark of this machine, where one is installed."""
    pytest.importorskip("pyspark", reason=WHY)
    with spark_session("local[2]", "tests") as session:
        yield session


def lake_of(folder: Path, park: Park, cells: pa.Table) -> DeltaLake:
    """The park in a lake, half of the weather in a file that knows nothing of withdrawn rows."""
    lake = DeltaLake(str(folder))
    lake.overwrite(TableName.CELLS, cells)
    half = park.weather.num_rows // 2
    for rows in (park.weather.slice(0, half), park.weather.slice(half)):
        known = [name for name in rows.column_names if name != "withdrawn" or rows[name].null_count < rows.num_rows]
        lake.append(TableName.WEATHER, rows.select(known), through=SPAN.end)
    lake.append(TableName.FIRES, park.fires, through=SPAN.end)
    return lake


@pytest.mark.slow
@pytest.mark.parametrize("cells_at_once", [1, 2, 500])
def test_nulls_corrections_and_redated_fires_have_the_same_bits(spark: Any, tmp_path: Path, cells_at_once: int) -> None:
    expected = compute(WITHDRAWN_AND_LATE, cells=COMING_AND_GOING)
    lake = lake_of(tmp_path, WITHDRAWN_AND_LATE, COMING_AND_GOING)
    engine = SparkFeatures(spark, str(tmp_path), cells_at_once)
    found = engine.compute(lake, SPAN, None, ParkCalendar(LONG_AGO))
    assert found.schema == expected.schema
    assert fingerprint_table(found) == fingerprint_table(expected)
    assert fingerprint_table(found) != fingerprint_table(compute(RANDOM_PARK, cells=COMING_AND_GOING))


@pytest.mark.slow
def test_a_period_that_carries_its_codes_has_them_in_a_zone_far_away(spark: Any, tmp_path: Path) -> None:
    zone = {"time_zone": "Pacific/Auckland", "weather_lag_days": 2}
    window = Interval(start=START + 130 * DAY, end=START + 144 * DAY)
    whole = compute(RANDOM_PARK, history_start=START, **zone)
    lake = lake_of(tmp_path, RANDOM_PARK, COMING_AND_GOING.drop_columns(["first_day", "last_day"]))
    calendar = ParkCalendar(START, weather_lag_days=2, time_zone="Pacific/Auckland")
    carried = between(whole, window.start - DAY, window.start)
    found = SparkFeatures(spark, str(tmp_path), 2).compute(lake, window, carried, calendar)
    assert fingerprint_table(found) == fingerprint_table(between(whole, window.start, window.end))


@pytest.mark.slow
def test_a_lake_that_both_engines_build_in_turn_is_that_of_one_machine(spark: Any, tmp_path: Path) -> None:
    def build(lake: DeltaLake, engine: object, *ends: int) -> pa.Table:
        for end in ends:
            window = Interval(start=START + (end - 7) * DAY, end=START + end * DAY)
            build_features(lake, engine, window, ParkCalendar(START))  # type: ignore[arg-type] # either engine
        return lake.read(TableName.FEATURES).sort_by(ROW_ORDER)

    names = ("mixed *", "mixed or alone")  # as a pattern, the one would match the other too
    mixed, alone = (lake_of(tmp_path / name, WITHDRAWN_AND_LATE, COMING_AND_GOING) for name in names)
    engine = SparkFeatures(spark, str(tmp_path / names[0]), 2)
    build(mixed, ENGINE, 56)
    build(mixed, engine, 63, 70)
    assert fingerprint_table(build(mixed, ENGINE, 77)) == fingerprint_table(build(alone, ENGINE, 77))


@pytest.mark.slow
def test_a_file_that_is_gone_is_said_in_one_sentence(spark: Any, tmp_path: Path) -> None:
    lake = lake_of(tmp_path, RANDOM_PARK, COMING_AND_GOING)
    next((tmp_path / "weather").glob("*.parquet")).unlink()
    with pytest.raises(LakeError, match=r"Spark could not compute the features.*FOREST_FIRE_FEATURE_ENGINE=duckdb"):
        SparkFeatures(spark, str(tmp_path), 2).compute(lake, SPAN, None, ParkCalendar(START))


def test_the_translated_text_knows_no_decimals_and_no_order() -> None:
    pytest.importorskip("sqlglot", reason=WHY)
    text = translate(build_query(SPAN, START))
    assert "ORDER BY r." not in text
    assert "DECIMAL" not in text
    assert "DATEDIFF(DAY," in text
    assert "365.25 AS DOUBLE" in text


def test_only_files_that_may_hold_the_days_are_listed(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path))
    for start in (0, 50, 100):
        rows = RANDOM_PARK.weather.filter(
            pa.array([start <= (day - START).days < start + 50 for day in RANDOM_PARK.weather["date"].to_pylist()])
        )
        lake.append(TableName.WEATHER, rows)
    window = Interval(start=START + 60 * DAY, end=START + 100 * DAY)
    listed = list_files(str(tmp_path), TableName.WEATHER, day_column="date", window=window)
    assert len(listed.addresses) == 1
    assert Path(listed.addresses[0]).is_file()
    assert (listed.version, listed.schema.names) == (2, RANDOM_PARK.weather.column_names)
    both = window.model_copy(update={"end": START + 101 * DAY})
    assert len(list_files(str(tmp_path), TableName.WEATHER, day_column="date", window=both).addresses) == 2
    with pytest.raises(LakeError, match="table trees of the lake"):
        list_files(str(tmp_path), "trees", day_column="date", window=window)


@pytest.mark.parametrize("missing", ["pyspark", "sqlglot"])
def test_without_the_extra_one_sentence_says_what_to_install(missing: str) -> None:
    with (
        patch.object(sessions, "find_spec", lambda name: None if name == missing else object()),
        pytest.raises(ConfigurationError, match=rf"{missing} is not installed; install it: pip install"),
    ):
        refuse_missing_spark("local[2]")


def test_without_a_java_one_sentence_says_so(tmp_path: Path) -> None:
    with patch.object(sessions, "find_spec", str), patch.dict("os.environ", {"PATH": str(tmp_path)}, clear=True):
        with pytest.raises(ConfigurationError, match=r"needs a Java of 17 or up: no java is on the PATH"):
            refuse_missing_spark("local[2]")
        with (
            patch.dict("os.environ", {"JAVA_HOME": str(tmp_path)}),
            pytest.raises(ConfigurationError, match="JAVA_HOME is"),
        ):
            refuse_missing_spark("local[2]")
        refuse_missing_spark("sc://elsewhere")


def test_a_workers_own_fault_is_told_in_its_words() -> None:
    text = (
        "Job aborted\n  Traceback\nforest_fire_retrain.core.errors.ArtifactTamperedError: other bytes\n\n at org.apache"
    )
    found = fault_behind(RuntimeError(text))
    assert isinstance(found, ArtifactTamperedError)
    assert str(found) == "other bytes"
    assert fault_behind(RuntimeError("java.lang.OutOfMemoryError")) is None


def test_the_example_has_corrections_that_matter() -> None:
    plain, corrected = (compute(park, cells=COMING_AND_GOING) for park in (RANDOM_PARK, WITHDRAWN_AND_LATE))
    assert plain.num_rows == corrected.num_rows
    day = dt.date.fromisoformat((START + 91 * DAY).isoformat())
    assert between(plain, day, day + DAY)["precip_mm"] != between(corrected, day, day + DAY)["precip_mm"]
