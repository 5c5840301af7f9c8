"""What is ordered in campaign `orders`, and how: by command, in the web UI, by `up`."""

import signal
from collections.abc import Callable
from typing import NamedTuple

from forest_fire_retrain_tests.reliability.order_homes import (
    BACKUP,
    FAULTY,
    RULED,
    TODAY,
    TORN,
    Place,
    day_before_today,
)
from forest_fire_retrain_tests.reliability.parks import week
from forest_fire_retrain_tests.reliability.processes import Child, forest_fire
from forest_fire_retrain_tests.reliability.small_servers import up_with_small_servers, wait_until_serving
from forest_fire_retrain_tests.reliability.tallies import find_bad_ending
from forest_fire_retrain_tests.reliability.ui_jobs import Asked, launch, work_on

WEEK_THAT_WAITS = {"dagster/partition": week(5)}


class Order(NamedTuple):
    """What a person orders, and how it is seen to its end.

    Attributes
    ----------
    name : str
        For people.
    begin : callable
        Starts it at a place, with the given name for its output.
    finish : callable
        Waits for its end; what is wrong with that.
    share : int
        How many of all kills it gets, in parts.
    home : str
        The home it is ordered in.
    retrained_every : int
        In every which round `retrain` follows, in the others what the sensor does every minute: 0 of an ordinary run,
        behind which nothing is due, 1 of what may leave an MLflow run open.
    """

    name: str
    begin: Callable[[Place, str], Child]
    finish: Callable[[Place, str, Child], list[str]]
    share: int
    home: str = RULED
    retrained_every: int = 3


def command(name: str, *words: str, share: int, home: str = RULED, retrained_every: int = 3) -> Order:
    """An order at the command line; `{slot}` in a word is the slot's folder."""

    def begin(place: Place, log: str) -> Child:
        return place.start(forest_fire(*(word.format(slot=place.slot) for word in words)), log)

    return Order(name, begin, _finish_command, share, home, retrained_every)


def job(name: str, asked: Asked, *, share: int, home: str = RULED) -> Order:
    """An order in the launchpad: launched in one process, worked on in another."""

    def begin(place: Place, log: str) -> Child:
        noted = place.slot / "run_id"
        launched = place.do(launch(asked, noted), f"{log}_launch")
        if launched.code:
            msg = f"{asked.job} could not be launched: {launched}"
            raise RuntimeError(msg)
        return place.start(work_on(noted), log)

    return Order(name, begin, _finish_command, share, home)


def _finish_command(_place: Place, _log: str, child: Child) -> list[str]:
    return find_bad_ending(child.wait())


def _begin_up(place: Place, log: str) -> Child:
    return place.start(up_with_small_servers(), log)


def _finish_up(place: Place, log: str, child: Child) -> list[str]:
    why = wait_until_serving(child, place.slot / log)
    if why is not None:
        return [why]
    child.kill(signal.SIGINT)
    return find_bad_ending(child.wait())


RETRAIN = command("retrain", "retrain", share=45, retrained_every=0)
ROLLBACK = command("rollback", "rollback", "--reason", "a trial", share=45)
ORDERS = (
    RETRAIN,
    job(
        "ingest alone, in the web UI",
        Asked("retraining_job", tags=WEEK_THAT_WAITS, assets=("weather", "fire_reports")),
        share=40,
    ),
    command("predict", "predict", share=35),
    command(
        "predict --retro", "predict", "--retro", "--from", day_before_today(18), "--to", day_before_today(10), share=25
    ),
    ROLLBACK,
    command("shadow", "shadow", "candidate", "--until", day_before_today(-60), "--reason", "longer", share=25),
    command("shadow --end", "shadow", "candidate", "--end", "--reason", "seen enough", share=15),
    command("ledger restore", "ledger", "restore", f"{{slot}}/{BACKUP}", share=40, home=TORN),
    command("verify --repair", "verify", "--repair", share=40, home=FAULTY),
    job(
        "rollback, in the web UI",
        Asked("rollback_job", {"roll_back_champion": {"config": {"reason": "a trial", "ordered_by": "somebody"}}}),
        share=40,
    ),
    job("predict, in the web UI", Asked("prediction_job", tags={"dagster/partition": TODAY.isoformat()}), share=20),
    Order("up, with small servers", _begin_up, _finish_up, share=40, retrained_every=1),
)
