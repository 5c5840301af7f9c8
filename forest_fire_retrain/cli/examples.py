"""What typer is told beside commands and options: examples that stand at the end of a help, the version."""

import typer

EXAMPLES: dict[str, tuple[str, ...]] = {
    "up": ("",),
    "status": ("--check", "--json"),
    "notify": ("--test", ""),
    "report": ("--season 2026 --html season.html",),
    "predict": ("", "--from 2026-07-01 --to 2026-07-31 --retro"),
    "predictions": ("--date 2026-07-14 --json",),
    "retrain": ("", "--partition 2026-03-02 --knowledge as_known"),
    "backfill": ("--from 2026-01-05 --to 2026-03-30",),
    "history": ("", "--retrainings --json"),
    "champion": ("--at 2026-07-14", "--at 2026-07-14T06:30+02:00 --as-known-at 2026-07-14T06:30+02:00"),
    "quality": ("--json",),
    "skill": ("",),
    "reproduce": ("2026-03-02",),
    "score": ("--input features --output scored.parquet",),
    "explain": ("--cell ANF --date 2007-10-20 --html why.html", "--partition 2007-06-01"),
    "backtest": ("--from 2022-01-03 --to 2026-01-05 --out results --cores 2",),
    "verify": ("", "--against checkpoints.txt"),
    "witness": ("--append checkpoints.txt",),
    "evidence": ("2026-03-02 --out march.zip", "--check march.zip --against checkpoints.txt"),
    "rollback": ('--reason "missed two fires" --freeze-until 2027-01-04',),
    "freeze": ('--until 2027-01-04 --reason "the sensors are replaced"',),
    "unfreeze": ('--reason "the sensors are in place"',),
    "shadow": ("", '3 --until 2027-01-04 --reason "look at it over the winter"'),
    "clear-labels": ('--from 2026-06-01 --to 2026-06-28 --reason "the district confirmed its reports"',),
    "accept-source": ('--reason "the share was mounted under another name"',),
    "accept-delivery": ('--reason "the station was taken down"',),
    "ledger backup": ("ledger-2026-07-14.duckdb",),
    "ledger restore": ("ledger-2026-07-14.duckdb",),
    "ledger export": ("",),
}
"""By command, the words behind it."""


def examples_of(command: str) -> str | None:
    """The examples of a command as its help shows them; `None` without any."""
    lines = [f"forest-fire {command} {words}".rstrip() for words in EXAMPLES.get(command, ())]
    return "\n\n".join(["Examples:" if len(lines) > 1 else "Example:", *lines]) if lines else None


def add_examples(group: typer.Typer, words: str = "") -> None:
    """Put the examples into the help of every command of a group that `words` call."""
    for command in group.registered_commands:
        assert command.callback is not None  # noqa: S101 - typer registers functions
        name = command.name or command.callback.__name__.replace("_", "-")
        command.epilog = examples_of(f"{words}{name}")


def say_version(asked: bool) -> None:  # noqa: FBT001 - typer hands it on so
    """Say the version and end, if that was asked for."""
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - only here

        typer.echo(f"forest-fire {version('forest-fire-retrain')}")
        raise typer.Exit
