"""Which campaigns there are, at full size and reduced; every one runs on homes that are made here."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from forest_fire_retrain_tests.reliability import crashing
from forest_fire_retrain_tests.reliability.faults import inject_faults
from forest_fire_retrain_tests.reliability.instants import cut_at_instants
from forest_fire_retrain_tests.reliability.ordering import ORDERS
from forest_fire_retrain_tests.reliability.orders import cut_orders
from forest_fire_retrain_tests.reliability.parks import ALARMED, FRESH, REIGNING, Template, make_template, park
from forest_fire_retrain_tests.reliability.processes import Ended, forest_fire, import_everything, run_in_slots
from forest_fire_retrain_tests.reliability.racing import mix_doors, race_for_head
from forest_fire_retrain_tests.reliability.ranges import cut_ranges
from forest_fire_retrain_tests.reliability.replaying import replay_past
from forest_fire_retrain_tests.reliability.sabotage import sabotage
from forest_fire_retrain_tests.reliability.tallies import Tally
from forest_fire_retrain_tests.reliability.tampering import tamper_with_stores
from forest_fire_retrain_tests.reliability.verdicts import cut_verdicts
from forest_fire_retrain_tests.reliability.weights import cut_weights

PROTOCOL = ("registry.", "ledger.")
OWN_TO_ALARMS = ("ledger.",)
"""Reduced: what an alarm asked for is carried out by the protocol of any promotion, and its rows differ."""
WITH_OWN_HOMES = {"orders", "sabotage", "tampering", "verdicts", "weights"}


def run_campaigns(
    names: Sequence[str],
    work: Path,
    *,
    n_rounds: int | None,
    n_slots: int,
    quick: bool,
    order: str = "",
    seed: int = crashing.SEED,
) -> list[Tally]:
    """Make the homes, run the campaigns named, and return what they found."""
    slots = tuple(work / f"slot_{number}" for number in range(n_slots))
    for slot in slots:
        slot.mkdir()
    rehearsal = work / "rehearsal"
    rehearsal.mkdir()
    import_everything(forest_fire("retrain"), rehearsal / "log", park(rehearsal, 1))
    templates = (FRESH, REIGNING, *((ALARMED,) if "crash" in names else ()))
    needed = [] if set(names) <= WITH_OWN_HOMES else [partial(_make_templates, templates=templates)] * n_slots
    answers = run_in_slots(needed, slots)
    failed = [answer for answer in answers if isinstance(answer, Ended)]
    if failed:
        msg = f"the homes could not be made: {failed[0]}"
        raise RuntimeError(msg)
    return [tally for name in names for tally in _run(name, slots, n_rounds, quick=quick, orders=(order, seed))]


def _make_templates(slot: Path, *, templates: Sequence[Template]) -> None:
    for template in templates:
        make_template(slot, template)


def _run(
    name: str, slots: tuple[Path, ...], n_rounds: int | None, *, quick: bool, orders: tuple[str, int]
) -> list[Tally]:
    promotions = (crashing.SUPERIOR,) if quick else (crashing.INAUGURAL, crashing.SUPERIOR)
    rollbacks = (crashing.ORDERED_AGAIN,) if quick else (crashing.ROLLBACK, crashing.ORDERED_AGAIN)
    n_weeks, n_replays = (6, 3) if quick else (100, 20)
    sides = crashing.AFTER if quick else crashing.SIDES
    campaigns: dict[str, Callable[[], list[Tally]]] = {
        "crash": lambda: [
            *crashing.crash(slots, (*promotions, *rollbacks), only=PROTOCOL if quick else (), sides=sides),
            *crashing.crash(slots, (crashing.OFF_SCHEDULE,), only=OWN_TO_ALARMS if quick else (), sides=sides),
        ],
        "instants": lambda: cut_at_instants(slots, promotions, n_rounds or (4 if quick else 200)),
        "ranges": lambda: cut_ranges(slots, 16 if quick else 32, n_rounds or (1 if quick else 10)),
        "orders": lambda: cut_orders(slots, n_rounds or (len(ORDERS) if quick else 350), *orders),
        "sabotage": lambda: [sabotage(slots)],
        "concurrency": lambda: [race_for_head(slots, n_rounds or (2 if quick else 20), 4 if quick else 8)],
        "mixed": lambda: [mix_doors(slots, n_rounds or (1 if quick else 20))],
        "replay": lambda: [replay_past(slots, n_weeks, min(n_rounds or n_replays, n_weeks - 1))],
        "faults": lambda: inject_faults(slots, quick=quick),
        "verdicts": lambda: cut_verdicts(slots, n_rounds or (2 if quick else 100), quick=quick),
        "weights": lambda: cut_weights(slots, quick=quick),
        "tampering": lambda: tamper_with_stores(slots, quick=quick),
    }
    return campaigns[name]()
