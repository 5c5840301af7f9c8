"""The notes of a table's newest commit, without reading rows."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from forest_fire_retrain.adapters.delta_lake import DeltaLake
from forest_fire_retrain.adapters.lake_notes import newest_notes
from forest_fire_retrain.core.errors import LakeError
from forest_fire_retrain.core.serving.log_notes import LastLive, read_last_live


def test_the_newest_notes_are_those_that_the_lake_gives(tmp_path: Path) -> None:
    lake, rows = DeltaLake(str(tmp_path)), pa.table({"n": [1]})
    assert newest_notes(str(tmp_path), "t") == {}
    said = [LastLive(dt.date(2026, 3, day), share) for day, share in ((1, 0.5), (2, 0.25))]
    for last in said:
        lake.append("t", rows, notes=last.to_notes())
    notes = newest_notes(f"{tmp_path}/", "t")
    assert notes == lake.commits("t")[0].notes
    assert read_last_live(notes) == said[-1]
    assert read_last_live({}) is None
    assert said[-1].describe_alert(0.25) == []
    assert "without weather for 25% of the cells" in said[-1].describe_alert(0.2)[0]


def test_a_table_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path))
    lake.append("t", pa.table({"n": [1]}))
    (tmp_path / "t" / "_delta_log" / "00000000000000000000.json").write_text("{")
    with pytest.raises(LakeError, match="forest-fire verify"):
        newest_notes(str(tmp_path), "t")
