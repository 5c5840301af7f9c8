"""Arguments that all assets share: partitions, code version, owners, single-run backfills."""

from typing import NamedTuple, TypedDict

import dagster as dg

from forest_fire_retrain.adapters.runtime_environment import TRAINING_WINGS, read_code_version

DECISION = "adjudication_decision"
REGISTRY_STATE = "registry_state"
OWNERS = ["team:fire-risk"]


class SharedArguments(TypedDict):
    """Arguments of every asset definition."""

    partitions_def: dg.TimeWindowPartitionsDefinition
    backfill_policy: dg.BackfillPolicy


CODE_OF_ASSET = {
    "weather": ("pipeline/preparing", "adapters/folder_source.py", "adapters/simulator.py"),
    "fire_reports": ("pipeline/preparing", "adapters/folder_source.py", "adapters/simulator.py"),
    "features": ("pipeline/preparing",),
    "holdout_set": ("pipeline/preparing",),
    "candidate_model": TRAINING_WINGS,
    DECISION: ("pipeline/retraining",),
    REGISTRY_STATE: ("pipeline/custody",),
    "provenance": ("pipeline/custody",),
}
"""The wings and modules that make each asset; what they import counts as well."""


class Shape(NamedTuple):
    """What the assets of one installation have in common: a range runs in one process, in the order of its periods."""

    partitions: dg.TimeWindowPartitionsDefinition

    @property
    def shared(self) -> SharedArguments:
        """Keyword arguments of every asset."""
        return {"partitions_def": self.partitions, "backfill_policy": dg.BackfillPolicy.single_run()}


def code_version_of(asset: str) -> str:
    """Fingerprint of the code that makes an asset, without comments and docstrings."""
    return read_code_version(*CODE_OF_ASSET[asset])
