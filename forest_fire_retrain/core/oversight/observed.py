"""What a home shows at a moment: plain facts, whoever gathered them."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.monitoring.last_look import LastLook
from forest_fire_retrain.core.oversight.notes import Verification
from forest_fire_retrain.core.oversight.overdue import Schedule
from forest_fire_retrain.core.serving.log_notes import LastLive


class SeenRegistry(NamedTuple):
    """What the registry answered.

    Attributes
    ----------
    alias : int, optional
        The version that the alias `champion` points at.
    versions : frozenset of int
        Versions that exist.
    trouble : str, optional
        Why it could not be asked; nothing else holds then.
    """

    alias: int | None
    versions: frozenset[int]
    trouble: str | None = None


class SeenCopy(NamedTuple):
    """What is wrong with the ledger's copy, as far as it shows without comparing all rows.

    Attributes
    ----------
    missing : str, optional
        Where it should be, if there is a ledger and no copy of it.
    unpublished : LedgerEntry, optional
        The first row of the ledger that moves the champion and is not in the copy; looked for only where the copy's
        champion and the registry's differ.
    """

    missing: str | None = None
    unpublished: LedgerEntry | None = None


class FailedRun(NamedTuple):
    """The newest failed run of a job that has not succeeded since.

    Attributes
    ----------
    run_id, job : str
        Which run, of which job.
    partition_key : str, optional
        The period, or the day, that it was for.
    began_at, failed_at : datetime.datetime
        When, UTC.
    message : str
        Why, in its own words, on one line.
    is_refused : bool
        Whether it was refused as asked, and nothing was changed.
    """

    run_id: str
    job: str
    partition_key: str | None
    began_at: dt.datetime
    failed_at: dt.datetime
    message: str
    is_refused: bool = False

    def __str__(self) -> str:
        """One line."""
        of = "" if self.partition_key is None else f" of {self.partition_key}"
        return f"{self.job}{of} failed on {self.failed_at.isoformat(timespec='seconds')}: {self.message.rstrip('.')}"


class Limits(NamedTuple):
    """From when on something needs a person, where the ledger does not say.

    Attributes
    ----------
    failed_run_days : int
        Days for which a failed run is named.
    share_without_weather : float
        Largest share of cells without weather with which a prediction is no alarm.
    look_days : int
        Days after which the predictions should have been looked at again.
    """

    failed_run_days: int
    share_without_weather: float
    look_days: int = 10


class Observed(NamedTuple):
    """Everything that matters are found in.

    Attributes
    ----------
    model_name : str
        The registered model.
    state : LedgerState
        What its rows say.
    written : mapping
        When the newest row of each kind was recorded, UTC.
    now : datetime.datetime
        When it was looked at, UTC.
    schedule : Schedule
        When things are due.
    limits : Limits
        From when on something needs a person.
    registry : SeenRegistry
        What the registry answered.
    failed_runs : tuple of FailedRun
        Failed runs, by job.
    last_live : LastLive, optional
        The newest day that was predicted live on the day itself.
    last_verify : Verification, optional
        What the last `verify` found.
    runs_page : str
        Address of a run's page without the run's id.
    last_look : LastLook, optional
        The newest look at the champion's predictions; `None` without one, and where monitoring is off.
    ledger_copy : SeenCopy
        What is wrong with the ledger's copy.
    """

    model_name: str
    state: LedgerState
    written: Mapping[EntryKind, dt.datetime]
    now: dt.datetime
    schedule: Schedule
    limits: Limits
    registry: SeenRegistry
    failed_runs: tuple[FailedRun, ...]
    last_live: LastLive | None
    last_verify: Verification | None
    runs_page: str
    last_look: LastLook | None = None
    ledger_copy: SeenCopy = SeenCopy()
