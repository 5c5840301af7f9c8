"""Move or copy a home between a kill and what is ordered next, and see that nothing of the old place is touched."""

import subprocess
from collections.abc import Callable

from forest_fire_retrain_tests.reliability.contents import hash_files
from forest_fire_retrain_tests.reliability.order_homes import Place

EVERY = 4
MOVED, COPIED, IN_PLACE = "moved", "copied", "in place"


def relocate(place: Place, number: int) -> tuple[Place, str, Callable[[], list[str]]]:
    """Where the home of round `number` is from now on, how it came there, and what looks at the old place later."""
    if number % (2 * EVERY) == EVERY - 1:
        return (*move(place), _nothing_at(place))
    if number % (2 * EVERY) == 2 * EVERY - 1:
        return (*copy(place), _unchanged(place))
    return place, IN_PLACE, list


def move(place: Place) -> tuple[Place, str]:
    """As `mv` does."""
    elsewhere = place.slot / "moved"
    subprocess.run(("mv", str(place.home), str(elsewhere)), check=True)
    return place._replace(home=elsewhere), MOVED


def copy(place: Place) -> tuple[Place, str]:
    """As `cp -a` does."""
    elsewhere = place.slot / "copied"
    subprocess.run(("cp", "-a", str(place.home), str(elsewhere)), check=True)
    return place._replace(home=elsewhere), COPIED


def _nothing_at(place: Place) -> Callable[[], list[str]]:
    return lambda: [f"the home was moved, and {place.home} was made again"] if place.home.exists() else []


def _unchanged(place: Place) -> Callable[[], list[str]]:
    before = hash_files(place.home)

    def compare() -> list[str]:
        after = hash_files(place.home)
        touched = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        return [f"the copy wrote into the original: {touched[:5]}"] if touched else []

    return compare
