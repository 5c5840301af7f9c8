"""Commands, their options and their help; what they do is in the modules beside."""

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forest_fire_retrain.cli.days import read_day
from forest_fire_retrain.cli.examples import add_examples, say_version
from forest_fire_retrain.cli.options import (
    DAY,
    Against,
    AsJson,
    FirstDay,
    LastDay,
    ModelName,
    PartitionKey,
    PublicKeyFile,
    settings_now,
)
from forest_fire_retrain.cli.orders import orders

app = typer.Typer(
    name="forest-fire",
    help="Passive retraining of a forest-fire risk model: retrain, adjudicate, promote, account for it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class ReplayKnowledge(StrEnum):
    """What a person may choose for a replay."""

    AS_KNOWN = "as_known"
    AS_CORRECTED = "as_corrected"


class ScoreEngine(StrEnum):
    """What scores a table of features."""

    LOCAL = "local"
    SPARK = "spark"


@app.callback()
def begin(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=say_version, is_eager=True, help="Say the version, and nothing else.")
    ] = False,
) -> None:
    """Passive retraining of a forest-fire risk model: retrain, adjudicate, promote, account for it."""


@app.command()
def up() -> None:
    """Bring the champion up to date, then serve Dagster with schedule and sensor, and MLflow, until Ctrl-C."""
    from forest_fire_retrain.cli.demonstrating import lay_out_demonstration  # noqa: PLC0415 - reads settings
    from forest_fire_retrain.cli.serving import bring_up  # noqa: PLC0415 - imports Dagster

    bring_up(lay_out_demonstration(settings_now(makes_home=True)))


@app.command()
def retrain(
    partition: PartitionKey = None,
    knowledge: Annotated[
        ReplayKnowledge | None,
        typer.Option(help="What a replay may know: as_corrected, today's data (default), or as_known, the original's."),
    ] = None,
) -> None:
    """Retrain one period: the oldest undecided one, or a past one as a replay."""
    from forest_fire_retrain.cli.running import retrain_partition  # noqa: PLC0415 - imports Dagster
    from forest_fire_retrain.core.records import Knowledge  # noqa: PLC0415 - imported with the above

    retrain_partition(
        settings_now(makes_home=True), partition, None if knowledge is None else Knowledge(knowledge.value)
    )


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First period, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last period, YYYY-MM-DD.")],
) -> None:
    """Retrain a range of periods in their order, in one run."""
    from forest_fire_retrain.cli.running import backfill_range  # noqa: PLC0415 - imports Dagster

    backfill_range(settings_now(makes_home=True), first, last)


@app.command()
def predict(
    *,
    date: Annotated[dt.date | None, typer.Option(parser=read_day, metavar=DAY, help="A day; today by default.")] = None,
    first: FirstDay = None,
    last: LastDay = None,
    retro: Annotated[
        bool,
        typer.Option("--retro", help="Predict past days that nobody predicted on the day."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict the day with the champion and log it, or show what was said of a past day."""
    from forest_fire_retrain.cli.predicting import predict as predict_days  # noqa: PLC0415 - imports Dagster
    from forest_fire_retrain.cli.reading_predictions import Asked  # noqa: PLC0415 - imported with the above

    predict_days(settings_now(), Asked(date, first, last), retro=retro, as_json=as_json)


@app.command()
def predictions(
    *,
    date: Annotated[
        dt.date | None, typer.Option(parser=read_day, metavar=DAY, help="A day; today and the days ahead by default.")
    ] = None,
    first: FirstDay = None,
    last: LastDay = None,
    issue: Annotated[str | None, typer.Option(help="The rows of this issue.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every issue that was logged for days, or show one."""
    from forest_fire_retrain.cli.reading_predictions import Asked, print_predictions  # noqa: PLC0415 - imports Arrow

    print_predictions(settings_now(), Asked(date, first, last), issue, as_json=as_json)


@app.command()
def history(
    *,
    model: ModelName = None,
    retrainings: Annotated[
        bool, typer.Option("--retrainings", help="Every retraining, also those that changed nothing.")
    ] = False,
    events: Annotated[bool, typer.Option("--events", help="Every ledger row, replays and rollbacks too.")] = False,
    shadows: Annotated[bool, typer.Option("--shadows", help="Every row by which a shadow began or ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the reigns: which version was in production from when to when, and why it ended."""
    if retrainings + events + shadows > 1:
        raise typer.BadParameter("choose one of them", param_hint="--retrainings / --events / --shadows")
    if retrainings:
        from forest_fire_retrain.cli.reading import print_retrainings  # noqa: PLC0415 - imports DuckDB

        print_retrainings(settings_now(asks_for_model=False), model, as_json=as_json)
    elif events or shadows:
        from forest_fire_retrain.cli.reading import print_events, print_shadows  # noqa: PLC0415 - imports DuckDB

        (print_events if events else print_shadows)(settings_now(asks_for_model=False), model, as_json=as_json)
    else:
        from forest_fire_retrain.cli.asking import print_reigns  # noqa: PLC0415 - imports DuckDB

        print_reigns(settings_now(asks_for_model=False), model, as_json=as_json)


@app.command()
def quality(*, as_json: AsJson = False) -> None:
    """Say whether the model in production still says what happens: OK, ALARM, or BLIND, and why."""
    from forest_fire_retrain.cli.quality import print_quality  # noqa: PLC0415 - imports scikit-learn

    print_quality(settings_now(), as_json=as_json)


@app.command()
def skill(*, as_json: AsJson = False) -> None:
    """Compare the model in production with climatology, year by year."""
    from forest_fire_retrain.cli.reading import print_skill  # noqa: PLC0415 - imports Arrow

    print_skill(settings_now(), as_json=as_json)


@app.command()
def champion(
    *,
    at: Annotated[
        str | None, typer.Option("--at", help="An instant, or a day, which stands for its end; now by default.")
    ] = None,
    as_known_at: Annotated[
        str | None, typer.Option("--as-known-at", help="Use no ledger row that was recorded later.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the model; as configured by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which model was in production at an instant, why, and on what it was trained."""
    from forest_fire_retrain.cli.asking import print_champion  # noqa: PLC0415 - imports DuckDB

    print_champion(settings_now(asks_for_model=model is None), at, as_known_at, model, as_json=as_json)


@app.command()
def reproduce(
    decision: Annotated[str, typer.Argument(metavar="PARTITION|VERSION", help="A decided period, or a version.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Train a recorded candidate again from its pinned data, and compare; exit code 1 if it is another one."""
    from forest_fire_retrain.cli.reproducing import print_reproduction  # noqa: PLC0415 - imports scikit-learn

    print_reproduction(settings_now(), decision, as_json=as_json)


@app.command()
def explain(
    *,
    cell: Annotated[str | None, typer.Option("--cell", help="Whose prediction.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="For which day, YYYY-MM-DD.")] = None,
    issue: Annotated[str | None, typer.Option("--issue", help="Which issue of the day; the newest by default.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: suppose another feature; may be repeated.")
    ] = None,
    partition: Annotated[str | None, typer.Option("--partition", help="Explain the decision of a period.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="File for one page that anybody can read.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a logged prediction is what it is, or where candidate and champion of a decision disagree."""
    from forest_fire_retrain.cli.explaining import Question, answer_question  # noqa: PLC0415 - imports scikit-learn

    answer_question(settings_now(), Question(cell, date, issue, changes or [], partition), html, as_json=as_json)


@app.command()
def score(
    *,
    source: Annotated[str, typer.Option("--input", help="Delta table, Parquet file, or folder of such files.")],
    target: Annotated[
        Path, typer.Option("--output", help="Parquet file, of Spark a folder; it must not be there yet.")
    ],
    version: Annotated[int | None, typer.Option("--version", help="A former champion; the present by default.")] = None,
    engine: Annotated[ScoreEngine, typer.Option(help="This process, or the workers of a Spark.")] = ScoreEngine.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Score any table of features: a batch at a time, each row stamped with the version that scored it."""
    from forest_fire_retrain.cli.scoring import score_files  # noqa: PLC0415 - imports scikit-learn

    on_spark = engine is ScoreEngine.SPARK
    score_files(settings_now(), source, target, version, on_spark=on_spark, as_json=as_json)


@app.command()
def report(
    *,
    html: Annotated[Path, typer.Option("--html", help="File for one page that anybody can read.")],
    season: Annotated[
        int | None, typer.Option(min=1, max=9999, help="A calendar year; all of them by default.")
    ] = None,
) -> None:
    """Write a season as one page for people who read no code: reigns, decisions, skill, reliability, doubts."""
    from forest_fire_retrain.cli.reporting import write_report  # noqa: PLC0415 - imports DuckDB

    write_report(settings_now(), season, html)


@app.command()
def status(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only what needs a person, one line each; exit code 1 if there is any.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is decided, what is waiting, what needs a person, and where everything lies."""
    from forest_fire_retrain.cli.overseeing import print_matters, print_status  # noqa: PLC0415 - imports DuckDB

    (print_matters if check else print_status)(settings_now(), as_json=as_json)


@app.command()
def notify(
    *, test: Annotated[bool, typer.Option("--test", help="Send a test through every channel instead.")] = False
) -> None:
    """Tell every configured channel what is new to it; exit code 1 if one does not take it."""
    from forest_fire_retrain.cli.notifying import tell_what_is_new, try_channels  # noqa: PLC0415 - imports DuckDB

    (try_channels if test else tell_what_is_new)(settings_now())


@app.command()
def backtest(
    *,
    first: Annotated[str, typer.Option("--from", help="Day from which periods start, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Day on which the history ends, YYYY-MM-DD.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for results.json and the figures.")],
    source: Annotated[str | None, typer.Option(help="simulator or folder; as configured by default.")] = None,
    rules: Annotated[
        str, typer.Option(help="Promotion rules to compare.")
    ] = "frozen,newest,any-improvement,margin,listing3,ours",
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="none, gradual, sudden, sudden-half, covariate, outage, silent-reports, broken, label-delay, silence; "
            "may be repeated."
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds of the simulator, one stream each: 1,2,3.")] = None,
    cadence: Annotated[str | None, typer.Option(help="weekly or monthly; as configured by default.")] = None,
    cores: Annotated[int, typer.Option(help="Processes, one stream each.")] = 1,
    monitors: Annotated[
        str | None, typer.Option(help="Measure monitoring in place of promotion rules: cusum,e-detector.")
    ] = None,
    active: Annotated[
        str | None, typer.Option(help="Measure what an alarm may lead to, against nothing: retrain,restart.")
    ] = None,
    routing: Annotated[
        str | None, typer.Option(help="Measure several models that answer together, against the champion: mixture.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a history under several promotion rules with the same candidates, and compare what they cost."""
    from forest_fire_retrain.cli.backtesting import Options, run_backtest  # noqa: PLC0415 - imports scikit-learn

    options = Options(source, first, last, rules, out, scenario or [], seeds, cadence, cores, monitors, active, routing)
    run_backtest(options, as_json=as_json)


@app.command()
def verify(
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Carry out what is safe, and record it.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the rows and models of all decisions, not of the last reigns alone.")
    ] = False,
    against: Against = None,
    key: PublicKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare ledger, registry, copy, models and lake; one line per fault, exit code 1 if there is one."""
    from forest_fire_retrain.cli.intervening import verify_all  # noqa: PLC0415 - imports DuckDB
    from forest_fire_retrain.cli.proving import read_kept_file, read_public_key  # noqa: PLC0415 - as above

    kept = None if against is None else read_kept_file(against)
    verify_all(
        settings_now(), with_repair=repair, is_deep=deep, kept=kept, public_key=read_public_key(key), as_json=as_json
    )


@app.command()
def witness(
    *,
    append: Annotated[Path | None, typer.Option("--append", help="File to append it to; printed otherwise.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Key to sign with; the home's own by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign what the ledger comes to, in a few lines to keep outside."""
    from forest_fire_retrain.cli.proving import bear_witness  # noqa: PLC0415 - imports DuckDB

    bear_witness(settings_now(), append, key, as_json=as_json)


@app.command()
def evidence(
    partition: Annotated[str | None, typer.Argument(help="Start of the period to make a pack of, YYYY-MM-DD.")] = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", help="File to write the pack to.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also over a file that is there.")] = False,
    check: Annotated[Path | None, typer.Option("--check", help="Check this pack instead of making one.")] = None,
    against: Against = None,
    key: PublicKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a pack that proves one decision to somebody outside, or check one with nothing else at hand."""
    from forest_fire_retrain.cli.proving import check_evidence, make_evidence  # noqa: PLC0415 - imports DuckDB

    if check is not None and partition is None and out is None and not force:
        check_evidence(check, against, key, as_json=as_json)
    elif check is None and key is None and partition is not None and out is not None:
        make_evidence(settings_now(), partition, out, against, is_replaced=force, as_json=as_json)
    else:
        raise typer.BadParameter("either PARTITION with --out FILE makes a pack, or --check FILE checks one")


app.add_typer(orders)
add_examples(app)
