"""Commands that only a person gives: roll back, freeze, vouch for labels, accept a source, keep the ledger's file."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from forest_fire_retrain.cli.days import read_day
from forest_fire_retrain.cli.examples import add_examples
from forest_fire_retrain.cli.options import DAY, AsJson, Reason, settings_now

orders = typer.Typer()
ledger_app = typer.Typer(help="Back the ledger up, restore it, export its copy for readers.", no_args_is_help=True)
orders.add_typer(ledger_app, name="ledger")


@orders.command()
def rollback(
    *,
    to: Annotated[int | None, typer.Option("--to", help="Version; by default the one before the champion.")] = None,
    reason: Reason,
    freeze_until: Annotated[
        dt.date | None,
        typer.Option(parser=read_day, metavar=DAY, help="Freeze promotions in periods due before this day too."),
    ] = None,
) -> None:
    """Take an earlier version back into production, and quarantine the present one."""
    from forest_fire_retrain.cli.intervening import roll_champion_back  # noqa: PLC0415 - imports DuckDB

    roll_champion_back(settings_now(), to, reason, freeze_until)


@orders.command()
def freeze(
    *,
    until: Annotated[
        dt.date, typer.Option(parser=read_day, metavar=DAY, help="Frozen in every period that is due before this day.")
    ],
    reason: Reason,
) -> None:
    """Keep the champion in every period that is due before a day, whatever the evidence says."""
    from forest_fire_retrain.cli.intervening import freeze_promotions  # noqa: PLC0415 - imports DuckDB

    freeze_promotions(settings_now(), until, reason)


@orders.command()
def unfreeze(*, reason: Reason) -> None:
    """Let the evidence speak again."""
    from forest_fire_retrain.cli.intervening import unfreeze_promotions  # noqa: PLC0415 - imports DuckDB

    unfreeze_promotions(settings_now(), reason)


@orders.command()
def shadow(
    *,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION|candidate|PARTITION",
            help="Whom: a version, the newest candidate, or that of a period; without it, what shadows said so far.",
        ),
    ] = None,
    until: Annotated[
        dt.date | None, typer.Option(parser=read_day, metavar=DAY, help="Scored beside the champion until this day.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End an order that holds.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it stands in the ledger.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have a candidate scored beside the champion, or compare what was: nobody is served by a shadow."""
    from forest_fire_retrain.cli.shadowing import end_shadow, order_shadow, print_shadows  # noqa: PLC0415 - as above

    if which is None and until is None and reason is None and not end:
        print_shadows(settings_now(), as_json=as_json)
    elif which is not None and until is not None and not end:
        order_shadow(settings_now(), which, until, reason or "", as_json=as_json)
    elif which is not None and until is None and end:
        end_shadow(settings_now(), which, reason or "", as_json=as_json)
    else:
        raise typer.BadParameter("VERSION, candidate or PARTITION with --until DATE, or with --end; or nothing at all")


@orders.command()
def clear_labels(
    *,
    first: Annotated[dt.date, typer.Option("--from", parser=read_day, metavar=DAY, help="First day.")],
    last: Annotated[dt.date, typer.Option("--to", parser=read_day, metavar=DAY, help="Last day, included.")],
    reason: Reason,
) -> None:
    """Vouch for fire reports that were flagged as suspect."""
    from forest_fire_retrain.cli.intervening import clear_suspect_labels  # noqa: PLC0415 - imports DuckDB

    clear_suspect_labels(settings_now(), first, last, reason)


@orders.command()
def accept_source(*, reason: Reason) -> None:
    """Let another source follow the one whose rows the home holds."""
    from forest_fire_retrain.cli.intervening import accept_other_source  # noqa: PLC0415 - imports DuckDB

    accept_other_source(settings_now(), reason)


@orders.command()
def accept_delivery(*, reason: Reason) -> None:
    """Let a delivery say much less than the one before."""
    from forest_fire_retrain.cli.intervening import accept_smaller_delivery  # noqa: PLC0415 - imports DuckDB

    accept_smaller_delivery(settings_now(), reason)


@ledger_app.command("backup")
def back_up_ledger(target: Annotated[Path, typer.Argument(help="File to write; it must not exist.")]) -> None:
    """Write a consistent, verified copy of the ledger."""
    from forest_fire_retrain.cli.ledger_files import back_ledger_up  # noqa: PLC0415 - imports DuckDB

    back_ledger_up(settings_now(asks_for_model=False), target)


@ledger_app.command("restore")
def restore_ledger_file(
    backup: Annotated[Path, typer.Argument(help="A file that `ledger backup` wrote.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also if rows that are known would be lost.")] = False,
) -> None:
    """Put a backup in the ledger's place; what was there is kept beside."""
    from forest_fire_retrain.cli.ledger_files import restore_ledger  # noqa: PLC0415 - imports DuckDB

    restore_ledger(settings_now(makes_home=True), backup, force=force)


@ledger_app.command("export")
def export_ledger_copy(
    *, force: Annotated[bool, typer.Option("--force", help="Also over a copy that knows more.")] = False
) -> None:
    """Write the copy that readers see again."""
    from forest_fire_retrain.cli.ledger_files import export_copy  # noqa: PLC0415 - imports DuckDB

    export_copy(settings_now(asks_for_model=False), force=force)


add_examples(orders)
add_examples(ledger_app, "ledger ")
