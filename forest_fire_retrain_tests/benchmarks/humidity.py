"""Three published estimates of humidity, each as if no humidity were observed at all.

Gradient boosting is trained on everything known at the beginning of each judged year, and scored on the three years
that begin there. AUC is that of a feature alone on the days that are scored. July is that of the second year and
later ones; `moister in use` names the cells in which the estimate in use exceeds another one most, in points of July.
"""

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from forest_fire_retrain.backtest.candidates import days_of, months_of
from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.core.losses import log_loss
from forest_fire_retrain.core.models.training import find_recipe, fit
from forest_fire_retrain.core.rows.fire_weather import Floats, estimate_rel_humidity_pct
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.benchmarks.followed_record import YEAR_DAYS, Record, follow

JULY = 6
JUDGED_YEARS = 3
MIN_OBSERVED_SHARE = 0.8
LEAST_YEARLY_RAIN_MM = 80.0


class Estimated(NamedTuple):
    """What an estimate of humidity says in July, in %, and what its codes and models are worth.

    Attributes
    ----------
    estimate : str
        Its name.
    july, july_driest : float
        Mean over the cells, and the driest cell's.
    moister_than_it : dict
        Cells in which the estimate in use exceeds it most, by how many points in July.
    auc_ffmc, auc_fwi : float
        Of the feature alone.
    log_loss : float
        Per cell and day.
    """

    estimate: str
    july: float
    july_driest: float
    moister_than_it: dict[str, float]
    auc_ffmc: float
    auc_fwi: float
    log_loss: float


def lowest_temperature(record: Record) -> Floats:
    """The estimate in use: the day's lowest temperature is the dew point (FAO-56, equation 48)."""
    return estimate_rel_humidity_pct(record.weather("temp_max_c"), record.weather("temp_min_c"))


def less_two_degrees(record: Record) -> Floats:
    """The dew point of arid and semi-arid places, 2 °C below the lowest temperature (FAO-56, annex 6)."""
    return estimate_rel_humidity_pct(record.weather("temp_max_c"), record.weather("temp_min_c") - 2.0)


def kimball(record: Record) -> Floats:
    """The dew point of Kimball, Running & Nemani (1997), Agricultural and Forest Meteorology 85, 87-98, equation 4.

    EF, the day's potential evapotranspiration over the year's precipitation, is here of Hargreaves' evapotranspiration
    (theirs needs radiation) and of the 365 days up to the day, at least 80 mm of them. It is missing, and the estimate
    in use stands in, when fewer than 80 % of them were observed.
    """
    highest, lowest = record.weather("temp_max_c"), record.weather("temp_min_c")
    rain = pd.DataFrame(record.weather("precip_mm"))
    yearly = YEAR_DAYS * rain.rolling(YEAR_DAYS, min_periods=int(MIN_OBSERVED_SHARE * YEAR_DAYS)).mean().to_numpy()
    ef = hargreaves_mm(record) / np.maximum(yearly, LEAST_YEARLY_RAIN_MM)
    aridity = 1.003 - 1.444 * ef + 12.312 * ef**2 - 32.766 * ef**3
    dew_point_k = (lowest + 273.15) * (-0.127 + 1.121 * aridity + 0.0006 * (highest - lowest))
    return estimate_rel_humidity_pct(highest, dew_point_k - 273.15)


def hargreaves_mm(record: Record) -> Floats:
    """Potential evapotranspiration in mm/day, shape (n_days, n_cells) (FAO-56, equations 21 to 25 and 52)."""
    highest, lowest = record.weather("temp_max_c"), record.weather("temp_min_c")
    days = days_of(record.panel.days)
    angle = 2 * np.pi / 365 * ((days - days.astype("datetime64[Y]")).astype(np.int64)[:, np.newaxis] + 1)
    latitude = np.radians(record.cells["latitude"].to_numpy())
    distance, declination = 1 + 0.033 * np.cos(angle), 0.409 * np.sin(angle - 1.39)
    sunset = np.arccos(np.clip(-np.tan(latitude) * np.tan(declination), -1.0, 1.0))
    height = sunset * np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.sin(sunset)
    radiation_mm = 0.408 * 24 * 60 / np.pi * 0.0820 * distance * height
    warmth = ((highest + lowest) / 2 + 17.8) * np.sqrt(np.maximum(highest - lowest, 0.0))
    return np.asarray(0.0023 * warmth * radiation_mm)


ESTIMATES: Mapping[str, Callable[[Record], Floats]] = {
    "lowest temperature": lowest_temperature,
    "less 2 °C": less_two_degrees,
    "Kimball et al.": kimball,
}


def measure_humidity(record: Record, judged: Sequence[int]) -> list[Estimated]:
    """One row per estimate; the first is the one in use."""
    in_use, rows = july_means(record, lowest_temperature(record)), []
    for name, estimate in ESTIMATES.items():
        humidity = estimate(record)
        july = july_means(record, humidity)
        excess = dict(zip(record.panel.cell_ids.tolist(), (in_use - july).tolist(), strict=True))
        most = {cell: points for cell, points in sorted(excess.items(), key=lambda item: -item[1])[:3] if points > 0}
        worth = judge(with_humidity(record, humidity), judged)
        rows.append(Estimated(name, float(july.mean()), float(july.min()), most, *worth))
        print(f"{name}: {rows[-1].log_loss:.5f}", file=sys.stderr, flush=True)  # noqa: T201 - progress
    return rows


def july_means(record: Record, humidity: Floats) -> Floats:
    """Mean humidity of July by cell, from the second year on."""
    july = months_of(record.panel.days) == JULY
    july[:YEAR_DAYS] = False
    return np.asarray(np.nanmean(humidity[july], axis=0))


def with_humidity(record: Record, humidity: Floats) -> Panel:
    """The panel with every feature that follows from humidity computed anew, missing where it was."""
    features = record.panel.features
    computed = follow(record, record.panel.days, before=None, humidity=humidity)
    anew = {
        name: np.where(features[name].isna(), np.nan, computed[name].ravel()) for name in features if name in computed
    }
    return record.panel._replace(features=features.assign(**anew))


def judge(panel: Panel, years: Sequence[int]) -> tuple[float, float, float]:
    """AUC of FFMC and of FWI, and the log loss of models, on the three years from each of `years` on."""
    labels, losses, inputs = [], [], []
    for as_of in (dt.date(year, 1, 1) for year in years):
        if not panel.days.start < as_of < panel.days.end:
            raise SystemExit(f"no model can be trained before {as_of} and judged after it: the record is {panel.days}")
        training = Interval(start=panel.days.start, end=as_of)
        known = panel.labels_known_at(as_of, training).ravel()
        model = fit(find_recipe("gradient_boosting"), panel.feature_rows(training), known, seed=1, n_threads=1)
        scored = Interval(start=as_of, end=min(as_of.replace(year=as_of.year + JUDGED_YEARS), panel.days.end))
        rows, happened = panel.feature_rows(scored), panel.happened[panel.places(scored)].ravel()
        losses.append(log_loss(happened, model.predict_proba(rows)[:, 1]) * len(rows))
        labels.append(happened)
        inputs.append(rows[["ffmc", "fwi"]])
    happened, features = np.concatenate(labels), pd.concat(inputs)
    stated = features.notna().all(axis=1).to_numpy()
    ffmc, fwi = (float(roc_auc_score(happened[stated], features[name][stated])) for name in ("ffmc", "fwi"))
    return ffmc, fwi, sum(losses) / len(happened)


def describe_humidity(rows: Sequence[Estimated]) -> pd.DataFrame:
    """One row per estimate."""
    return pd.DataFrame(
        [
            {
                "estimate": row.estimate,
                "July": f"{row.july:.0f} %",
                "driest cell": f"{row.july_driest:.0f} %",
                "AUC of FFMC": f"{row.auc_ffmc:.3f}",
                "AUC of FWI": f"{row.auc_fwi:.3f}",
                "log loss": f"{row.log_loss:.5f}",
                "moister in use": ", ".join(f"{cell} {points:.0f}" for cell, points in row.moister_than_it.items()),
            }
            for row in rows
        ]
    )
