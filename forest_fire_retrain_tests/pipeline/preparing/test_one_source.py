"""A home refuses the rows of another source until a person accepts it, and writes none of them before that."""

from collections.abc import Callable

import pytest

from forest_fire_retrain.core.errors import OtherSourceError
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, TableName
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.pipeline.preparing.test_ingesting import START, FakeSource, cell_row, weeks

INGESTS = [ingest_weather, ingest_fire_reports]
Ingest = Callable[..., object]


def park(name: str, *cell_ids: str) -> FakeSource:
    return FakeSource(cells=[cell_row(cell_id) for cell_id in cell_ids], name=name)


def versions(lake: FakeLake) -> dict[str, int | None]:
    return {table: lake.version(table) for table in TableName}


@pytest.mark.parametrize("first", INGESTS)
@pytest.mark.parametrize("second", INGESTS)
def test_another_source_is_refused_and_nothing_of_it_is_written(first: Ingest, second: Ingest) -> None:
    lake = FakeLake()
    first(park("the demo park", "a", "b"), lake, weeks(0, 1), START)
    before = versions(lake)
    with pytest.raises(OtherSourceError) as caught:
        second(park("the folder /data/park", "a", "b"), lake, weeks(1, 2), START)
    said = str(caught.value)
    assert "holds the rows of the demo park, and the source is now the folder /data/park; nothing was written" in said
    assert "FOREST_FIRE_HOME" in said
    assert "forest-fire accept-source --reason" in said
    assert versions(lake) == before


def test_the_same_source_goes_on_and_is_not_asked_about() -> None:
    def fail(_name: str) -> bool:
        raise AssertionError

    lake = FakeLake()
    for week in range(3):
        ingest_weather(park("the park", "a", "b"), lake, weeks(week, week + 1), START, has_accepted=fail)
    assert lake.version(TableName.CELLS) == 0
    assert lake.origin(TableName.CELLS) == "the park"


def test_an_accepted_source_goes_on_and_the_former_one_is_another_one_from_then() -> None:
    lake, old, new = FakeLake(), park("old", "a", "b"), park("new", "a", "b")
    ingest_weather(old, lake, weeks(0, 1), START)
    ingest_weather(new, lake, weeks(1, 2), START, has_accepted="new".__eq__)
    assert lake.origin(TableName.CELLS) == "new"
    ingest_weather(new, lake, weeks(2, 3), START)
    with pytest.raises(OtherSourceError, match="holds the rows of new, and the source is now old"):
        ingest_weather(old, lake, weeks(3, 4), START, has_accepted="new".__eq__)


def test_a_home_without_a_note_goes_by_its_cells_and_is_not_rewritten_for_the_note() -> None:
    lake = FakeLake()
    source = park("the park", "a", "b")
    ingest_weather(source, lake, weeks(0, 1), START)
    lake.tables[TableName.CELLS][-1] = lake.tables[TableName.CELLS][-1]._replace(origin=None)
    ingest_weather(source, lake, weeks(1, 2), START)
    assert lake.version(TableName.CELLS) == 0
    with pytest.raises(OtherSourceError, match="holds the rows of a source with the cells a, b, and"):
        ingest_weather(park("a stranger", "x", "y"), lake, weeks(2, 3), START)
    ingest_weather(park("the park", "b", "c"), lake, weeks(2, 3), START)
    assert lake.origin(TableName.CELLS) == "the park"


def test_a_home_without_any_cell_takes_the_first_that_come() -> None:
    lake = FakeLake()
    lake.overwrite(TableName.CELLS, CELLS_SCHEMA.empty_table())
    ingest_weather(park("the park", "a"), lake, weeks(0, 1), START)
    assert lake.origin(TableName.CELLS) == "the park"
