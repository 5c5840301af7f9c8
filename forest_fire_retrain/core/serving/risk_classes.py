"""Classes of risk: names for chances, from the least chance that belongs to each."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from forest_fire_retrain.core.canonical_json import canonical_json

DEFAULT_LIMITS: Mapping[str, float] = {"low": 0.0, "moderate": 0.005, "high": 0.02, "very_high": 0.05, "extreme": 0.1}
"""For a park in which a fire starts on about one of a hundred cell-days: half, twice, five and ten times that."""
MAX_CLASSES = 12


class RiskClasses(NamedTuple):
    """Names and the least chance of each, in ascending order; the first one begins at 0.

    Attributes
    ----------
    names : tuple of str
        From the least dangerous to the most dangerous.
    limits : tuple of float
        Least chance that belongs to each.
    """

    names: tuple[str, ...]
    limits: tuple[float, ...]

    def classify(self, probabilities: Sequence[float]) -> list[str]:
        """The class of each chance."""
        return [self.names[bisect_right(self.limits, chance) - 1] for chance in probabilities]

    def to_json(self) -> str:
        """Class to the least chance that belongs to it, as rows of the log have it."""
        return canonical_json(dict(zip(self.names, self.limits, strict=True)))


def read_classes(limits: Mapping[str, float]) -> RiskClasses:
    """The classes that `limits` describe, by their least chance.

    Raises
    ------
    ValueError
        If there is none or too many, a chance is none, two begin at the same one, or none begins at 0.
    """
    ordered = sorted(limits.items(), key=lambda item: item[1])
    values = [value for _, value in ordered]
    if not 1 <= len(values) <= MAX_CLASSES or values[0] != 0.0:
        msg = f"there have to be 1 to {MAX_CLASSES} risk classes, the first from 0 on; observed {dict(limits)}"
        raise ValueError(msg)
    if len(set(values)) < len(values) or values[-1] >= 1.0 or not all(name.strip() for name in limits):
        msg = f"risk classes need a name each and different least chances from 0 to below 1; observed {dict(limits)}"
        raise ValueError(msg)
    return RiskClasses(tuple(name for name, _ in ordered), tuple(float(value) for value in values))
