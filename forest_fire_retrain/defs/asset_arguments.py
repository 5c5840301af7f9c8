"""Arguments that all assets share: partitions, owners, single-run backfills."""

from typing import NamedTuple, TypedDict

import dagster as dg

DECISION = "adjudication_decision"
REGISTRY_STATE = "registry_state"
PREDICTIONS_ASSET = "risk_predictions"
PREDICTION_JOB = "prediction_job"
OWNERS = ["team:fire-risk"]


class SharedArguments(TypedDict):
    """Arguments of every asset definition."""

    partitions_def: dg.TimeWindowPartitionsDefinition
    backfill_policy: dg.BackfillPolicy


class Shape(NamedTuple):
    """What the assets of one installation have in common: a range runs in one process, in the order of its periods."""

    partitions: dg.TimeWindowPartitionsDefinition

    @property
    def shared(self) -> SharedArguments:
        """Keyword arguments of every asset."""
        return {"partitions_def": self.partitions, "backfill_policy": dg.BackfillPolicy.single_run()}
