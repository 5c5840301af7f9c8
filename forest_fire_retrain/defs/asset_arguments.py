"""Arguments that all assets share: partitions, owners, single-run backfills."""

from typing import NamedTuple, TypedDict

import dagster as dg

from forest_fire_retrain.core.periods import PeriodKind, is_active

DECISION = "adjudication_decision"
REGISTRY_STATE = "registry_state"
PREDICTIONS_ASSET = "risk_predictions"
PREDICTION_JOB = "prediction_job"
OWNERS = ["team:fire-risk"]


class SharedArguments(TypedDict):
    """Arguments of every asset definition."""

    partitions_def: dg.PartitionsDefinition
    backfill_policy: dg.BackfillPolicy


class Shape(NamedTuple):
    """What the assets of one kind of period have in common: a range runs in one process, in the order of its periods.

    Attributes
    ----------
    partitions : dagster.PartitionsDefinition
        The periods.
    kind : PeriodKind
        What they are there for. Active ones have assets of their own, made by the same functions: their names begin
        with the kind, and it is their group.
    """

    partitions: dg.PartitionsDefinition
    kind: PeriodKind = PeriodKind.SCHEDULED

    @property
    def shared(self) -> SharedArguments:
        """Keyword arguments of every asset."""
        return {"partitions_def": self.partitions, "backfill_policy": dg.BackfillPolicy.single_run()}

    def key(self, name: str) -> dg.AssetKey:
        """The key of the asset `name` of these periods."""
        return _key(name, self.kind)

    def group(self, name: str) -> str:
        """The group of assets that is called `name` where periods are scheduled."""
        return name if self.kind is PeriodKind.SCHEDULED else str(self.kind)

    def op(self, name: str) -> str:
        """The name of the operation `name`, as Dagster derives it from an asset's key."""
        return self.key(name).to_python_identifier()


def asset_of(partition_key: str, name: str) -> dg.AssetKey:
    """The key of the asset `name` that a period is a partition of."""
    return _key(name, PeriodKind.ACTIVE if is_active(partition_key) else PeriodKind.SCHEDULED)


def _key(name: str, kind: PeriodKind) -> dg.AssetKey:
    return dg.AssetKey([name] if kind is PeriodKind.SCHEDULED else [str(kind), name])
