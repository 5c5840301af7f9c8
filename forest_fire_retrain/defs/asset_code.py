"""Which code makes each asset, and its version."""

from forest_fire_retrain.adapters.runtime_environment import TRAINING_WINGS, read_code_version
from forest_fire_retrain.defs.asset_arguments import DECISION, REGISTRY_STATE

SHORT_HASH = 16
CODE_OF_ASSET = {
    "weather": ("pipeline/preparing", "adapters/folder_source.py", "adapters/simulator.py"),
    "fire_reports": ("pipeline/preparing", "adapters/folder_source.py", "adapters/simulator.py"),
    "features": ("pipeline/preparing",),
    "holdout_set": ("pipeline/preparing",),
    "candidate_model": TRAINING_WINGS,
    DECISION: ("pipeline/retraining",),
    REGISTRY_STATE: ("pipeline/custody",),
    "provenance": ("pipeline/custody",),
    "risk_predictions": ("pipeline/serving",),
    "prediction_quality": ("pipeline/monitoring",),
}
"""The wings and modules that make each asset; what they import counts as well."""


def code_version_of(asset: str) -> str:
    """Fingerprint of the code that makes an asset, without comments and docstrings; it is stored with each event."""
    return read_code_version(*CODE_OF_ASSET[asset])[:SHORT_HASH]
