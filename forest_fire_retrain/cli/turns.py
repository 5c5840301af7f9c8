"""Runs of the command line take turns where one would make replays of what another is about to decide.

Rules
-----
- The ledger says what is decided live: a period is, if it is later than all decided ones. Nothing here changes that.
- A run that is at work on this machine goes first with its periods. Who asks for a later one meanwhile is refused:
  decided now, it would leave those before it to be replayed for ever.
- Two runs that begin with the same period are let in; one decides, and the other returns that decision.
"""

import dagster as dg

from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.periods import key_of
from forest_fire_retrain.defs.beginnings import PARTITION_TAG, RANGE_START_TAG
from forest_fire_retrain.defs.jobs import JOB_NAME
from forest_fire_retrain.defs.liveness import PROCESS_TAG, working_runs
from forest_fire_retrain.installation import Installation

RANGE_END_TAG = "dagster/asset_partition_range_end"


def refuse_overtaking(instance: dg.DagsterInstance, installation: Installation, first: str) -> None:
    """Refuse to begin with the period `first` while a run is about to decide one before it.

    Parameters
    ----------
    instance : dagster.DagsterInstance
        Where runs are noted.
    installation : Installation
        Whose ledger says what is decided.
    first : str
        The earliest period that is asked for.

    Raises
    ------
    RefusedRequestError
        If there is such a run; its process and its periods are named.
    """
    settings = installation.settings
    newest = installation.ledger.state(settings.model_name).newest_as_of
    closed = settings.periods.closed(installation.clock())
    undecided = [key_of(period) for period in closed if newest is None or period.end > newest]
    for run in working_runs(instance, JOB_NAME):
        begins, ends = (run.tags.get(tag) or run.tags.get(PARTITION_TAG) for tag in (RANGE_START_TAG, RANGE_END_TAG))
        if begins and ends and any(begins <= key <= ends and key < first for key in undecided):
            msg = (
                f"a run is deciding {begins} to {ends} (process {run.tags[PROCESS_TAG]}), and is not yet at {first}: "
                f"decided before them it would leave them to be replayed only. Nothing was done. Wait until that run "
                "has ended, then run the same command again"
            )
            raise RefusedRequestError(msg)
