"""A shorter event reads as the one it was; what the reader does not fill in by itself stays."""

import json

import dagster as dg
import dagster._serdes
import pytest
from dagster._serdes import deserialize_value, serialize_value

from forest_fire_retrain.adapters import shorter_events
from forest_fire_retrain.adapters.shorter_events import shorten

PLAIN = [dg.TableColumn("cell", "text"), dg.TableColumn("rain", "text")]
STRICT = [dg.TableColumn("cell", "text", "Of the park", dg.TableColumnConstraints(nullable=False))]


def made(columns: list[dg.TableColumn]) -> str:
    rows = [dg.TableRecord({column.name: "—" for column in columns})]
    shown: dict[str, dg.MetadataValue | int | str] = {
        "table": dg.MetadataValue.table(rows, dg.TableSchema(columns)),
        "rows": 3,
        "why": "Größer",
    }
    return serialize_value(dg.AssetMaterialization("weather", partition="2031-01-06", metadata=shown))


@pytest.mark.parametrize("columns", [PLAIN, STRICT])
def test_a_shorter_event_reads_the_same(columns: list[dg.TableColumn]) -> None:
    event = made(columns)
    shorter = shorten(event)
    assert len(shorter) < len(event)
    assert deserialize_value(shorter) == deserialize_value(event)


def test_what_is_not_filled_in_stays() -> None:
    shorter = shorten(made(STRICT))
    assert "nullable" in shorter
    assert "Of the park" in shorter
    assert "nullable" not in shorten(made(PLAIN))


def test_a_shorter_event_is_as_short_as_it_gets() -> None:
    shorter = shorten(made(PLAIN))
    assert shorten(shorter) == shorter


@pytest.mark.parametrize(
    ("field", "filled_in"),
    [(("TableColumn", "name"), "cell"), (("AssetMaterialization", "partition"), "2031-01-06")],
)
def test_an_event_that_would_read_otherwise_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, field: tuple[str, str], filled_in: str
) -> None:
    """As after a release of Dagster that fills in something else: one insists on the field, one has another value."""
    monkeypatch.setitem(shorter_events.FILLED_IN, field, filled_in)
    assert shorten(made(PLAIN)) == made(PLAIN)


def test_an_event_with_half_a_character_is_left_as_it_is() -> None:
    """JSON holds it escaped; sqlite would refuse it as text."""
    event = made(PLAIN).replace("2031", "\\ud800")
    assert shorten(event) == event


@pytest.mark.parametrize("error", [RuntimeError("no such class"), NotImplementedError(), AssertionError()])
def test_an_event_that_dagster_does_not_read_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_: str) -> None:
        raise error

    monkeypatch.setattr(dagster._serdes, "deserialize_value", refuse)
    assert shorten(made(PLAIN)) == made(PLAIN)


def test_the_fields_are_those_that_dagster_writes() -> None:
    written = json.dumps(json.loads(made(PLAIN)))
    for kind, name in shorter_events.FILLED_IN:
        if kind in ("TableColumn", "TableSchema", "EventMetadataEntry"):
            assert f'"{name}"' in written
