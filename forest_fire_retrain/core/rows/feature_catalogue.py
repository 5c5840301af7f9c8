"""The feature catalogue: every feature's name, unit and meaning; nothing else defines a feature.

Rules
-----
- A change of what models are given is a new version. A table of features is of the newest version whose inputs it
  has, so that a table pinned years ago is read as what it is.
- A retired input stays in the table, for the models that were trained on it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa

from forest_fire_retrain.core.errors import EvidenceError, list_capped


class Feature(NamedTuple):
    """One model input."""

    name: str
    unit: str
    description: str


RAIN_WINDOWS_DAYS = (7, 30, 90)
CELL_FIRE_WINDOWS_DAYS = (7, 30, 365, 1825)
PARK_FIRE_WINDOWS_DAYS = (7, 30)
DRY_SPELL_CAP_DAYS = 120
WET_DAY_MM = 1.0
MIN_OBSERVED_SHARE = 0.8
MIN_OBSERVED_SHARE_OF_RATES = 0.2

CATALOGUE = (
    Feature("latitude", "degrees north", "Latitude of the cell"),
    Feature("longitude", "degrees east", "Longitude of the cell"),
    Feature("season_sin", "", "Sine of the day of the year"),
    Feature("season_cos", "", "Cosine of the day of the year"),
    Feature("temp_max_c", "°C", "Highest temperature of the day"),
    Feature("temp_min_c", "°C", "Lowest temperature of the day"),
    Feature("rel_humidity_pct", "%", "Relative humidity; from the temperatures where it was not observed"),
    Feature("wind_speed_kmh", "km/h", "Wind speed"),
    Feature("precip_mm", "mm", "Precipitation of the day"),
    Feature("vapour_pressure_deficit_kpa", "kPa", "Saturation deficit at the highest temperature"),
    *(Feature(f"precip_{n}d_mm", "mm", f"Precipitation of the last {n} days") for n in RAIN_WINDOWS_DAYS),
    Feature("temp_max_7d_c", "°C", "Mean highest temperature of the last 7 days"),
    Feature("temp_max_anomaly_c", "°C", "Mean highest temperature of 7 days above that of 30 days"),
    Feature("dry_spell_days", "days", f"Days since {WET_DAY_MM:g} mm of rain, at most {DRY_SPELL_CAP_DAYS}"),
    Feature("ffmc", "", "Fine Fuel Moisture Code"),
    Feature("dmc", "", "Duff Moisture Code"),
    Feature("dc", "", "Drought Code"),
    Feature("isi", "", "Initial Spread Index"),
    Feature("bui", "", "Buildup Index"),
    Feature("fwi", "", "Fire Weather Index"),
    *(
        Feature(f"cell_fires_per_year_{n}d", "fires/year", f"Fires of the last {n} days in the cell, per year observed")
        for n in CELL_FIRE_WINDOWS_DAYS
    ),
    *(
        Feature(
            f"park_fires_per_year_{n}d", "fires/year", f"Fires of the last {n} days in all cells, per year observed"
        )
        for n in PARK_FIRE_WINDOWS_DAYS
    ),
)

RETIRED = (
    *(
        Feature(f"cell_fires_{n}d", "fires", f"Fires of the last {n} days in the cell, as known the day before")
        for n in CELL_FIRE_WINDOWS_DAYS
    ),
    *(
        Feature(f"park_fires_{n}d", "fires", f"Fires of the last {n} days in all cells, as known the day before")
        for n in PARK_FIRE_WINDOWS_DAYS
    ),
)

CARRIED = tuple(
    Feature(f"{code}_carried", "", f"What tomorrow's {name} follows from")
    for code, name in (("ffmc", "Fine Fuel Moisture Code"), ("dmc", "Duff Moisture Code"), ("dc", "Drought Code"))
)

FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)

FEATURE_VERSION = 2
INPUTS: Mapping[int, tuple[str, ...]] = {
    1: (*(name for name in FEATURE_NAMES if "_fires_" not in name), *(feature.name for feature in RETIRED)),
    FEATURE_VERSION: FEATURE_NAMES,
}

FEATURES_SCHEMA = pa.schema(
    [
        pa.field("cell_id", pa.string(), metadata={"description": "Cell", "unit": ""}),
        pa.field("date", pa.date32(), metadata={"description": "Day predicted for", "unit": ""}),
        *(
            pa.field(feature.name, pa.float64(), metadata={"description": feature.description, "unit": feature.unit})
            for feature in (*CATALOGUE, *RETIRED, *CARRIED)
        ),
    ]
)


def feature_version(column_names: Iterable[str]) -> int:
    """Newest version whose inputs are all among the columns of a table of features.

    Raises
    ------
    EvidenceError
        If the table holds the inputs of no version.
    """
    held = set(column_names)
    versions = [version for version, names in INPUTS.items() if held.issuperset(names)]
    if not versions:
        missing = sorted(set(FEATURE_NAMES) - held)
        msg = f"the table holds the model inputs of no feature version; missing: {list_capped(missing)}"
        raise EvidenceError(msg)
    return max(versions)


def input_names(column_names: Iterable[str]) -> tuple[str, ...]:
    """The model inputs of the version that a table of features was written under, in their order.

    Raises
    ------
    EvidenceError
        As `feature_version`.
    """
    return INPUTS[feature_version(column_names)]
