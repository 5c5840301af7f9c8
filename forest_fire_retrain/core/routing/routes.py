"""Who answers for a day; a module of its own, because settings are read by whoever waits for no library."""

from enum import StrEnum


class Routing(StrEnum):
    """Who answers for a day."""

    CHAMPION = "champion"
    MIXTURE = "mixture"
