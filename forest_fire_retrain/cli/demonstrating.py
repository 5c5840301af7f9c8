"""A home that `up` finds empty, and about whose data nothing was set, gets the demonstration."""

from forest_fire_retrain.adapters.demonstration import N_DECISIONS, plan_demonstration, write_demonstration
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain.settings import Settings, SourceKind, load_settings

DECIDED_BY = frozenset({"start_date", "end_date", "simulator", "lake_uri", "ledger_path"})
"""Settings with one of which somebody says that the home is for something else."""


def lay_out_demonstration(settings: Settings) -> Settings:
    """The settings of the home with its demonstration; as they are where the home is not for one.

    Nothing is laid out where the home holds rows or decisions, or where anything was set that says whose data, which
    days or which periods are wanted.

    Raises
    ------
    ConfigurationError, HomeError
        If the home's settings cannot be read, or the home cannot be written.
    """
    if not _is_for_demonstration(settings):
        return settings
    closed = settings.periods.closed(read_clock())
    if len(closed) < N_DECISIONS:
        return settings
    write_demonstration(settings.home, plan_demonstration(closed[-N_DECISIONS].start))
    return load_settings()


def _is_for_demonstration(settings: Settings) -> bool:
    """Whether the home is empty and everything about its data was left to the project."""
    is_empty = not any(path.exists() for path in (settings.home / "lake", settings.ledger_file))
    is_left_open = not DECIDED_BY & settings.model_fields_set
    return is_empty and is_left_open and settings.source is SourceKind.SIMULATOR and settings.cadence is Cadence.WEEKLY
