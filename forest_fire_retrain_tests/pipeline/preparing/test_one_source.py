"""A home refuses the rows of another source until a person accepts it, and writes none of them before that."""

from collections.abc import Callable

import pytest

from forest_fire_retrain.core.errors import OtherSourceError
from forest_fire_retrain.core.rows.tables import CELLS_SCHEMA, TableName
from forest_fire_retrain.pipeline.preparing.ingesting import ingest_fire_reports, ingest_weather
from forest_fire_retrain.pipeline.preparing.shrinking import NoConsent
from forest_fire_retrain_tests.fakes.lake import FakeLake
from forest_fire_retrain_tests.pipeline.preparing.test_ingesting import FakeSource, cell_row, intake, weeks

INGESTS = [ingest_weather, ingest_fire_reports]
Ingest = Callable[..., object]


class Accepted(NoConsent):
    """A person accepted the source of this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def to_source(self, name: str) -> bool:
        return name == self._name


def park(name: str, *cell_ids: str) -> FakeSource:
    return FakeSource(cells=[cell_row(cell_id) for cell_id in cell_ids], name=name)


def versions(lake: FakeLake) -> dict[str, int | None]:
    return {table: lake.version(table) for table in TableName}


@pytest.mark.parametrize("first", INGESTS)
@pytest.mark.parametrize("second", INGESTS)
def test_another_source_is_refused_and_nothing_of_it_is_written(first: Ingest, second: Ingest) -> None:
    lake = FakeLake()
    first(intake(park("the demo park", "a", "b"), lake), weeks(0, 1))
    before = versions(lake)
    with pytest.raises(OtherSourceError) as caught:
        second(intake(park("the folder /data/park", "a", "b"), lake), weeks(1, 2))
    said = str(caught.value)
    assert "holds the rows of the demo park, and the source is now the folder /data/park; nothing was written" in said
    assert "FOREST_FIRE_HOME" in said
    assert "forest-fire accept-source --reason" in said
    assert versions(lake) == before


def test_the_same_source_goes_on_and_is_not_asked_about() -> None:
    lake = FakeLake()
    for week in range(3):
        ingest_weather(intake(park("the park", "a", "b"), lake), weeks(week, week + 1))
    assert lake.version(TableName.CELLS) == 0
    assert lake.origin(TableName.CELLS) == "the park"


def test_an_accepted_source_goes_on_and_the_former_one_is_another_one_from_then() -> None:
    lake, old, new = FakeLake(), park("old", "a", "b"), park("new", "a", "b")
    ingest_weather(intake(old, lake), weeks(0, 1))
    ingest_weather(intake(new, lake)._replace(consent=Accepted("new")), weeks(1, 2))
    assert lake.origin(TableName.CELLS) == "new"
    ingest_weather(intake(new, lake), weeks(2, 3))
    with pytest.raises(OtherSourceError, match="holds the rows of new, and the source is now old"):
        ingest_weather(intake(old, lake)._replace(consent=Accepted("new")), weeks(3, 4))


def test_a_home_without_a_note_goes_by_its_cells_and_is_not_rewritten_for_the_note() -> None:
    lake = FakeLake()
    source = park("the park", "a", "b")
    ingest_weather(intake(source, lake), weeks(0, 1))
    lake.tables[TableName.CELLS][-1] = lake.tables[TableName.CELLS][-1]._replace(notes={})
    ingest_weather(intake(source, lake), weeks(1, 2))
    assert lake.version(TableName.CELLS) == 0
    with pytest.raises(OtherSourceError, match="holds the rows of a source with the cells a, b, and"):
        ingest_weather(intake(park("a stranger", "x", "y"), lake), weeks(2, 3))
    ingest_weather(intake(park("the park", "b", "c"), lake), weeks(2, 3))
    assert lake.origin(TableName.CELLS) == "the park"


def test_a_home_without_any_cell_takes_the_first_that_come() -> None:
    lake = FakeLake()
    lake.overwrite(TableName.CELLS, CELLS_SCHEMA.empty_table())
    ingest_weather(intake(park("the park", "a"), lake), weeks(0, 1))
    assert lake.origin(TableName.CELLS) == "the park"
