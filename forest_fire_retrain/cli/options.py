"""Options that several commands take, and the settings that each of them begins with."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forest_fire_retrain.cli.days import read_day

if TYPE_CHECKING:
    from forest_fire_retrain.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Only this model; all by default.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger.")]
PartitionKey = Annotated[
    str | None, typer.Option("--partition", help="Start of the period, YYYY-MM-DD, or YYYY-MM-DD+active.")
]
DAY = "YYYY-MM-DD"
FirstDay = Annotated[dt.date | None, typer.Option("--from", parser=read_day, metavar=DAY, help="First day of a range.")]
LastDay = Annotated[
    dt.date | None, typer.Option("--to", parser=read_day, metavar=DAY, help="Last day of it, included.")
]
Against = Annotated[Path | None, typer.Option("--against", help="Checkpoints kept outside; - for standard input.")]
PublicKeyFile = Annotated[
    Path | None, typer.Option("--key", help="File with the public keys that they may be signed by.", dir_okay=False)
]


def settings_now(*, makes_home: bool = False, asks_for_model: bool = True) -> "Settings":
    """The settings of the environment; reading them is not for those who only ask for help."""
    from forest_fire_retrain.cli.preparing import settings_of_command  # noqa: PLC0415 - imports pydantic-settings

    return settings_of_command(makes_home=makes_home, asks_for_model=asks_for_model)
