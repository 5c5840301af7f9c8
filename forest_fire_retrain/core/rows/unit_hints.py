"""Weather measures whose values suggest another unit than the contract's; a hint is a warning, never a refusal.

Rules
-----
- A whole column is looked at: one odd value says nothing about its unit.
- The bounds leave room for honest parks: calm ones, dry ones, hot ones.
- Fewer than `MIN_VALUES` values say nothing.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

MIN_VALUES = 50


class Suspicion(NamedTuple):
    """What a measure looks like in another unit.

    Attributes
    ----------
    column : str
        The measure.
    at_most, above : float, optional
        Values that are usual in the other unit, in the contract's unit.
    smallest_share : float
        Share of such values from which the unit is doubted.
    other, expected : str
        The unit that is suspected, and the contract's.
    wet_days_only : bool
        Whether the share is taken of the values above 0 only.
    """

    column: str
    at_most: float | None
    above: float | None
    smallest_share: float
    other: str
    expected: str
    wet_days_only: bool = False


SUSPICIONS = (
    Suspicion("rel_humidity_pct", 1.0, None, 1.0, "shares of 1", "% (0 to 100)"),
    Suspicion("wind_speed_kmh", 6.0, None, 0.9, "m/s", "km/h"),
    Suspicion("temp_max_c", None, 45.0, 0.05, "°F", "°C"),
    Suspicion("precip_mm", 6.0, None, 0.99, "inches", "mm", wet_days_only=True),
)


def find_unit_hints(weather: pa.Table) -> list[str]:
    """One sentence per measure that looks as if it were delivered in another unit.

    Parameters
    ----------
    weather : pyarrow.Table
        Checked rows in the contract's units; measures may be null.
    """
    hints = []
    for doubt in SUSPICIONS:
        values = weather[doubt.column].drop_null()
        if doubt.wet_days_only:
            values = values.filter(pc.greater(values, 0.0))
        if len(values) < MIN_VALUES:
            continue
        usual = pc.less_equal(values, doubt.at_most) if doubt.above is None else pc.greater(values, doubt.above)
        share = pc.sum(usual).as_py() / len(values)
        if share >= doubt.smallest_share:
            bound = f"at most {doubt.at_most:g}" if doubt.above is None else f"above {doubt.above:g}"
            of_what = "wet days" if doubt.wet_days_only else "values"
            hints.append(
                f"weather: in {100 * share:.1f} % of the {of_what} {doubt.column} is {bound}. Is it delivered in "
                f"{doubt.other}? The contract expects {doubt.expected}."
            )
    return hints
