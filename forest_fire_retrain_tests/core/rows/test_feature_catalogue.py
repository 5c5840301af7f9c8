"""The page on features lists those of the catalogue, and says what the rules of the code are."""

import re

from forest_fire_retrain.core.rows.carried_codes import MEMORIES
from forest_fire_retrain.core.rows.feature_catalogue import CATALOGUE, FEATURE_VERSION, FEATURES_SCHEMA, INPUTS
from forest_fire_retrain.core.rows.features import WEATHER_LOOK_BACK_DAYS
from forest_fire_retrain.places import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "features.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<unit>[^|]+) \| (?P<meaning>[^|]+) \|$", re.MULTILINE)


def test_the_page_lists_every_feature_with_its_unit_and_meaning_in_their_order() -> None:
    listed = [(row["name"], row["unit"].replace("none", ""), row["meaning"]) for row in ROW.finditer(PAGE)]
    assert listed == [tuple(feature) for feature in CATALOGUE]


def test_the_page_states_how_long_codes_remember() -> None:
    spin_up = {code: memory.spin_up_days for code, memory in MEMORIES.items()}
    assert "FFMC {ffmc} days, DMC {dmc}, DC {dc}".format(**spin_up) in PROSE
    ffmc, dmc, dc = MEMORIES.values()
    assert ffmc.max_unobserved_days == 0
    assert f"no day of the last {ffmc.memory_days} for FFMC" in PROSE
    assert f"{dmc.max_unobserved_days} of the last {dmc.memory_days} for DMC" in PROSE
    assert f"{dc.max_unobserved_days} of the last {dc.memory_days} for DC" in PROSE


def test_the_page_lists_every_version_of_the_features() -> None:
    assert (
        [int(version) for version in re.findall(r"^\| (\d) \|", PAGE.split("## Versions")[1], re.MULTILINE)]
        == [*INPUTS]
        == [1, 2]
    )
    assert max(INPUTS) == FEATURE_VERSION


def test_a_memory_lies_within_the_weather_that_is_looked_back_on_and_within_the_spin_up() -> None:
    """Else one period alone would not have the bits of a full rebuild, and days before the history would count."""
    assert all(memory.memory_days <= WEATHER_LOOK_BACK_DAYS for memory in MEMORIES.values())
    assert all(memory.memory_days <= memory.spin_up_days for memory in MEMORIES.values())


def test_every_column_of_the_table_of_features_is_described() -> None:
    assert all(field.metadata[b"description"] for field in FEATURES_SCHEMA)
    assert len(set(FEATURES_SCHEMA.names)) == len(FEATURES_SCHEMA.names)
