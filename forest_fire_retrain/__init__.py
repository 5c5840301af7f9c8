"""Passive retraining of a forest-fire risk model, with a ledger that accounts for it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forest_fire_retrain.model_access import get_model, get_model_as_udf

__all__ = ["get_model", "get_model_as_udf"]


def __getattr__(name: str) -> object:
    """What needs libraries is imported when it is asked for."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from forest_fire_retrain import model_access  # noqa: PLC0415 - see above

    return getattr(model_access, name)
