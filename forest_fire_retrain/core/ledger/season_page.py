"""The page of a season, for people who read no code: one HTML file that needs nothing else.

Rules
-----
- The same rows give the same bytes: no clock, no link, no script, no font or picture from elsewhere; the one picture is
  drawn in the page itself.
- Every text is escaped: a reason or a name that looks like HTML is shown as it is written.
"""

from collections.abc import Sequence
from html import escape

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.wording import counted, percent
from forest_fire_retrain.core.ledger.decision_page import NOTHING, render_facts, render_page, render_table
from forest_fire_retrain.core.ledger.reigns import Movement, Reign
from forest_fire_retrain.core.ledger.season import Month, Season, name_doubts

KIND = "season report 1"
PROMOTED_AS: dict[str, str] = {
    ReasonCode.INAUGURAL: "the first model, better than climatology",
    ReasonCode.SUPERIOR: "shown to be better",
    ReasonCode.REFRESH_NON_INFERIOR: "trained on newer days, and not considerably worse",
}
QUARANTINED = " (the version is quarantined: it is not taken again unless somebody names it)"
BAR, GAP, TALL, FOOT = 34, 14, 150, 34
HOW_TO_READ = (
    "Every decision holds the model in production against days that it had not seen. Skill is the share of the loss "
    "that it saves against climatology, the long-term average of place and season: above zero it is better, below it "
    "is worse. It is reliable when about as many fires happen as it expects. Days whose fire reports were doubted are "
    "counted too."
)


def render_season(season: Season) -> str:
    """The page, as HTML."""
    sections = [
        f'<p class="said">{escape(_sum_up(season))}</p>',
        render_table(
            "Who was in production",
            ("version", "from (UTC)", "to (UTC)", "why", "why it ended"),
            _list_reigns(season.reigns),
        ),
        "<h2>Skill and reliability of the model in production</h2>",
        f"<p>{escape(HOW_TO_READ)}</p>",
        _draw(season.months),
        render_table(
            "Month by month",
            ("month", "decisions", "fires expected", "fires that happened", "skill against climatology"),
            [_describe_month(month) for month in season.months],
        ),
        render_table("What was doubted, and why", ("period", "what"), name_doubts(season)),
        render_table(
            "What people ordered, and what did not go as decided",
            ("day (UTC)", "who", "what"),
            [(f"{row.recorded_at:%Y-%m-%d}", row.actor, row.summary) for row in season.orders],
        ),
        render_table(
            "Every decision",
            ("period", "decision"),
            [(entry.partition_key, entry.summary) for entry, _ in season.decided],
        ),
        render_facts("How to look it up", _name_sources(season)),
    ]
    return render_page(f"{season.model_name}: {season.name}", sections, KIND)


def _sum_up(season: Season) -> str:
    served = {reign.decision_id for reign in season.reigns}
    n_promoted = sum(
        entry.outcome is Outcome.PROMOTED and (payload.shadow_until is None or entry.decision_id in served)
        for entry, payload in season.decided
    )
    n_doubts = len(name_doubts(season))
    counts = [counted(len(season.decided), "decision"), counted(n_promoted, "promotion"), counted(n_doubts, "doubt")]
    said = [", ".join(counts) + "."]
    if season.months:
        whole = add_up(season.months)
        better = "" if whole.skill is None else f"; skill against climatology {percent(whole.skill)}"
        said.append(
            f"The model in production expected {whole.n_expected:.1f} fires on days it had not seen, "
            f"{counted(whole.n_fires, 'fire')} happened{better}."
        )
    return " ".join(said)


def add_up(months: Sequence[Month]) -> Month:
    """All months as one."""
    return Month(
        "all",
        sum(month.n_windows for month in months),
        sum(month.n_fires for month in months),
        sum(month.n_expected for month in months),
        sum(month.loss for month in months),
        sum(month.loss_climatology for month in months),
    )


def _list_reigns(reigns: Sequence[Reign]) -> list[tuple[object, ...]]:
    return [
        (
            reign.version,
            f"{reign.since:%Y-%m-%d %H:%M}",
            "now" if reign.until is None else f"{reign.until:%Y-%m-%d %H:%M}",
            _say_why(reign.began_by, reign.why),
            _say_why(reign.ended_by, reign.why_ended) + (QUARANTINED if reign.ended_by is Movement.ROLLBACK else ""),
        )
        for reign in reigns
    ]


def _say_why(movement: Movement | None, why: str | None) -> str:
    """A promotion's reason code in words; a rollback's reason as it was given."""
    if movement is None:
        return NOTHING
    return f"{movement}: {PROMOTED_AS.get(str(why), why) if movement is Movement.PROMOTION else why}"


def _describe_month(month: Month) -> tuple[object, ...]:
    skill = NOTHING if month.skill is None else percent(month.skill)
    return month.month, month.n_windows, f"{month.n_expected:.1f}", month.n_fires, skill


def _name_sources(season: Season) -> dict[str, object]:
    rows = [entry.sequence for entry, _ in season.decided]
    return {
        "rows of the ledger": f"{rows[0]} to {rows[-1]}" if rows else NOTHING,
        "hash of the last of them": season.decided[-1].entry.entry_hash if rows else NOTHING,
        "one decision in full": "forest-fire evidence PERIOD --out FILE.zip",
        "whether nothing was touched": "forest-fire verify",
    }


def _draw(months: Sequence[Month]) -> str:
    """Two bars a month, fires expected and fires that happened."""
    if not months:
        return "<p>No model in production was scored.</p>"
    most = max(1.0, *(max(month.n_expected, float(month.n_fires)) for month in months))
    width = GAP + len(months) * (BAR + GAP)
    bars = [_draw_month(month, GAP + place * (BAR + GAP), most) for place, month in enumerate(months)]
    label = "Fires expected and fires that happened, by month"
    return (
        f'<svg width="{width}" height="{TALL + FOOT}" viewBox="0 0 {width} {TALL + FOOT}" role="img" '
        f'aria-label="{label}">{"".join(bars)}</svg>\n'
        '<p><span style="color:#888">&#9632;</span> fires expected <span style="color:#c1440e">&#9632;</span> '
        "fires that happened</p>"
    )


def _draw_month(month: Month, left: int, most: float) -> str:
    half, bars = BAR // 2, []
    for place, (figure, colour) in enumerate(((month.n_expected, "#888"), (float(month.n_fires), "#c1440e"))):
        tall = round((TALL - 20) * figure / most)
        bars.append(
            f'<rect x="{left + place * half}" y="{TALL - tall}" width="{half - 1}" height="{tall}" fill="{colour}"/>'
        )
    name = f'<text x="{left}" y="{TALL + 15}" font-size="10">{escape(month.month[2:])}</text>'
    return "".join([*bars, name])
