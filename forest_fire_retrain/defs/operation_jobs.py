"""Jobs for the launchpad: what a person orders in the web UI, the same as on the command line."""

import dagster as dg
from pydantic import Field

from forest_fire_retrain import operations, shadows, verification
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.defs.failures import foreseen
from forest_fire_retrain.defs.rollback_report import observe_rollback
from forest_fire_retrain.defs.run_context import stamp_of
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.operations import parse_day
from forest_fire_retrain.pipeline.custody.rolling_back import describe_repeated
from forest_fire_retrain.pipeline.custody.shadowing import CANDIDATE, Shadowing, describe_repeated_shadow
from forest_fire_retrain.pipeline.custody.standing_orders import describe_freeze, window_of_days

REASON = "Why; it stands in the ledger for those who read it later."
WHO = "Who orders it: your name, as the ledger is to keep it."
FILL_IN = {"ordered_by": "YOUR NAME", "reason": "WHY"}
"""What a launchpad shows in the fields of an order; it is refused if it is left there."""
A_DAY = "YYYY-MM-DD"


class Order(dg.Config):
    """Who gives an order, and why."""

    ordered_by: str = Field(description=WHO)
    reason: str = Field(description=REASON)


class RollbackConfig(Order):
    """What to roll back to, and why."""

    to_version: int | None = Field(None, description="Version to take; by default the one before the champion.")
    freeze_until: str | None = Field(
        None, description="Also freeze promotions in every period that is due before this day, YYYY-MM-DD."
    )


class FreezeConfig(Order):
    """How long to freeze promotions, and why."""

    until: str = Field(description="Promotions are frozen in every period that is due before this day, YYYY-MM-DD.")


class UnfreezeConfig(Order):
    """Who lifts the freeze, and why."""


class ClearLabelsConfig(Order):
    """Which fire reports to vouch for, and why."""

    first_day: str = Field(description="First day, YYYY-MM-DD.")
    last_day: str = Field(description="Last day, included, YYYY-MM-DD.")


class EndShadowConfig(Order):
    """Whom to score no more, and why."""

    which: str = Field(description="Version, start of a decided period, or candidate: that of the newest decision.")


class ShadowConfig(EndShadowConfig):
    """Whom to score beside the champion until when, and why."""

    until: str = Field(description="Scored on every day before this one, YYYY-MM-DD.")


class VerifyConfig(dg.Config):
    """Whether to repair what is found, and who orders that."""

    repair: bool = Field(default=False, description="Carry out what is safe, and record it.")
    ordered_by: str | None = Field(default=None, description=f"{WHO} Needed for a repair.")
    deep: bool = Field(
        default=False, description="Read the rows and models of all decisions, not of the last reigns alone."
    )


@dg.op
@foreseen
def roll_back_champion(
    context: dg.OpExecutionContext, config: RollbackConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """Prove an earlier version, make it champion, quarantine the present one."""
    done = operations.roll_back(
        installation,
        to_version=config.to_version,
        reason=config.reason,
        freeze_until=None if config.freeze_until is None else parse_day(config.freeze_until),
        stamp=_stamp_order(context, installation, config),
    )
    context.log_event(observe_rollback(done))
    context.log.info(describe_repeated(done) if done.is_repeated else done.entry.summary)
    _tell_freeze(context, installation)


@dg.op
@foreseen
def freeze_promotions(
    context: dg.OpExecutionContext, config: FreezeConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """Keep the champion until a day."""
    until, stamp = parse_day(config.until), _stamp_order(context, installation, config)
    entry = operations.freeze(installation.published_ledger, until=until, reason=config.reason, stamp=stamp)
    context.log.info(entry.summary)
    _tell_freeze(context, installation)


@dg.op
@foreseen
def unfreeze_promotions(
    context: dg.OpExecutionContext, config: UnfreezeConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """Lift the freeze."""
    stamp = _stamp_order(context, installation, config)
    entry = operations.unfreeze(installation.published_ledger, reason=config.reason, stamp=stamp)
    context.log.info(entry.summary)


@dg.op
@foreseen
def clear_suspect_labels(
    context: dg.OpExecutionContext, config: ClearLabelsConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """Vouch for the fire reports of a window."""
    window = window_of_days(parse_day(config.first_day), parse_day(config.last_day))
    stamp = _stamp_order(context, installation, config)
    entry = operations.clear_labels(installation.published_ledger, window=window, reason=config.reason, stamp=stamp)
    context.log.info(entry.summary)


@dg.op
@foreseen
def score_beside_champion(
    context: dg.OpExecutionContext, config: ShadowConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """Have a candidate scored beside the champion until a day; nobody is served by it."""
    until, stamp = parse_day(config.until), _stamp_order(context, installation, config)
    _tell_shadow(
        context, shadows.order_shadow(installation, config.which, until=until, reason=config.reason, stamp=stamp)
    )


@dg.op
@foreseen
def score_no_more(
    context: dg.OpExecutionContext, config: EndShadowConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """End an order to score a candidate beside the champion."""
    stamp = _stamp_order(context, installation, config)
    _tell_shadow(context, shadows.end_shadow(installation, config.which, reason=config.reason, stamp=stamp))


@dg.op
@foreseen
def verify_installation(
    context: dg.OpExecutionContext, config: VerifyConfig, installation: dg.ResourceParam[Installation]
) -> None:
    """Compare ledger, registry, copy, models and lake; the run fails if a fault remains."""
    tell = context.log.info if config.deep else None
    if config.repair:
        stamp = _stamp(context, installation, config.ordered_by)
    else:
        stamp = stamp_of(context, installation, config.ordered_by)
    faults = verification.find_faults(installation, stamp, tell=tell)
    if config.repair:
        done = verification.repair_faults(installation, faults, stamp)
        context.log.info("nothing to repair" if done is None else done.summary)
        faults = verification.find_faults(installation, stamp, tell=tell)
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise dg.Failure(f"{counted(len(faults), 'fault')}\n{listed}", metadata={"faults": dg.MetadataValue.md(listed)})
    context.log.info("no fault")


def _tell_shadow(context: dg.OpExecutionContext, done: Shadowing) -> None:
    context.log.info(describe_repeated_shadow(done) if done.is_repeated else done.entry.summary)


def _tell_freeze(context: dg.OpExecutionContext, installation: Installation) -> None:
    """Say until when promotions are frozen now, as the ledger has it."""
    rows = installation.ledger.entries(installation.settings.model_name)
    context.log.info(describe_freeze(fold(rows)))


def _stamp_order(context: dg.OpExecutionContext, installation: Installation, order: Order) -> Stamp:
    """The stamp of an order in which every field was filled in.

    Raises
    ------
    RefusedRequestError
        If a field holds what the launchpad shows in it, or nobody is named.
    """
    for field, shown in FILL_IN.items():
        if getattr(order, field).strip() == shown:
            msg = f"{field} still says {shown!r}, as the launchpad shows it; nothing was changed. Fill it in"
            raise RefusedRequestError(msg)
    return _stamp(context, installation, order.ordered_by)


def _stamp(context: dg.OpExecutionContext, installation: Installation, ordered_by: str | None) -> Stamp:
    """The stamp of what a person orders.

    Raises
    ------
    RefusedRequestError
        If nobody is named.
    """
    who = (ordered_by or "").strip()
    if not who:
        msg = "nobody is named who orders it; nothing was changed. Put a name into ordered_by"
        raise RefusedRequestError(msg)
    return stamp_of(context, installation, who)


def _opened_with(op: dg.OpDefinition, **fields: str | None) -> dict[str, object]:
    """The run config with which a launchpad opens: every field of an order."""
    return {"ops": {op.name: {"config": {**FILL_IN, **fields}}}}


@dg.job(
    config=_opened_with(roll_back_champion, to_version=None, freeze_until=None),
    description="Take an earlier version back into production; the present one is quarantined.",
)
def rollback_job() -> None:
    """`forest-fire rollback`."""
    roll_back_champion()


@dg.job(
    config=_opened_with(freeze_promotions, until=A_DAY),
    description="Keep the champion in every period that is due before a day, whatever the evidence says.",
)
def freeze_job() -> None:
    """`forest-fire freeze`."""
    freeze_promotions()


@dg.job(config=_opened_with(unfreeze_promotions), description="Let the evidence speak again.")
def unfreeze_job() -> None:
    """`forest-fire unfreeze`."""
    unfreeze_promotions()


@dg.job(
    config=_opened_with(clear_suspect_labels, first_day=A_DAY, last_day=A_DAY),
    description="Vouch for the fire reports of a window that was flagged.",
)
def clear_labels_job() -> None:
    """`forest-fire clear-labels`."""
    clear_suspect_labels()


@dg.job(
    config=_opened_with(score_beside_champion, which=CANDIDATE, until=A_DAY),
    description="Have a candidate scored beside the champion until a day; nobody is served by it.",
)
def shadow_job() -> None:
    """`forest-fire shadow`."""
    score_beside_champion()


@dg.job(
    config=_opened_with(score_no_more, which=CANDIDATE),
    description="Score a candidate no more that somebody ordered to be scored beside the champion.",
)
def end_shadow_job() -> None:
    """`forest-fire shadow --end`."""
    score_no_more()


@dg.job(description="Compare ledger, registry, exported copy, models and lake with one another.")
def verify_job() -> None:
    """`forest-fire verify`."""
    verify_installation()


OPERATIONS = (rollback_job, freeze_job, unfreeze_job, clear_labels_job, shadow_job, end_shadow_job, verify_job)
