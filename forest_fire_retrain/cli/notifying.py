"""`forest-fire notify`: tell people what is new, or try whether they can be told."""

import typer

from forest_fire_retrain import notifying
from forest_fire_retrain.cli.console import out
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.settings import Settings


def tell_what_is_new(settings: Settings) -> None:
    """Tell every channel what is new to it, and say how much that was; exit code 1 if one did not take it.

    Raises
    ------
    ConfigurationError
        If no channel is configured.
    typer.Exit
        With code 1, if a channel did not take everything.
    """
    if not settings.notify.is_any:
        msg = f"no channel is configured, so that nobody is told anything; {notifying.WHERE_TO_SET} (docs/alerts.md)"
        raise ConfigurationError(msg)
    said = notifying.notify(settings, read_clock())
    for line in [str(telling) for telling in said.tellings] or [str(said)]:
        out.print(line, markup=False)
    if said.failed:
        raise typer.Exit(1)


def try_channels(settings: Settings) -> None:
    """Send a test through every channel, and say of each whether it arrived; exit code 1 if one did not take it.

    Raises
    ------
    ConfigurationError
        If no channel is configured.
    typer.Exit
        With code 1, if a channel did not take it.
    """
    tellings = notifying.send_test(settings, read_clock())
    for telling in tellings:
        arrived = "the test was taken" if telling.failure is None else f"the test did NOT arrive: {telling.failure}"
        out.print(f"{telling.channel}: {arrived}", markup=False)
    if any(telling.failure for telling in tellings):
        raise typer.Exit(1)
