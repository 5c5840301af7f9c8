"""The settings of a command, once they are known to lead to a home, and to a model that its ledger knows."""

from contextlib import suppress

from forest_fire_retrain.cli.privacy import write_privately
from forest_fire_retrain.core.errors import LedgerError
from forest_fire_retrain.homes import describe_new_home, refuse_missing_home
from forest_fire_retrain.settings import Settings, load_settings


def settings_of_command(*, makes_home: bool, asks_for_model: bool) -> Settings:
    """The settings of the environment, for a command that may begin a home, or for one that needs it.

    Parameters
    ----------
    makes_home : bool
        Whether the command may begin a home, which is said, and a model in it.
    asks_for_model : bool
        Whether the command is about the configured model.

    Raises
    ------
    ConfigurationError
        If a setting is wrong.
    HomeError
        If there is no home, and the command makes none.
    RefusedRequestError
        If the ledger has rows, and none of the configured model.
    """
    settings = load_settings()
    write_privately(settings)
    if makes_home:
        _say_new_home(settings)
        return settings
    refuse_missing_home(settings)
    if asks_for_model:
        _refuse_unknown_model(settings)
    return settings


def _say_new_home(settings: Settings) -> None:
    made = describe_new_home(settings)
    if made is not None:
        from forest_fire_retrain.cli.console import out  # noqa: PLC0415 - imports rich

        out.print(made)


def _refuse_unknown_model(settings: Settings) -> None:
    from forest_fire_retrain.production import open_copy, refuse_unknown_model  # noqa: PLC0415 - imports DuckDB

    with suppress(LedgerError):  # whoever reads it says what is wrong with it
        with open_copy(settings) as reigns:
            known = reigns.model_names()
        refuse_unknown_model(settings.model_name, known, setting="FOREST_FIRE_MODEL_NAME")
