"""What a person orders and asks of shadows: whoever is scored beside the champion, and is served to nobody.

The command line and a notebook come through here, as they do through `operations`.
"""

import datetime as dt

from forest_fire_retrain.core.ledger.entries import Stamp
from forest_fire_retrain.core.monitoring.shadow_comparison import ShadowComparison
from forest_fire_retrain.core.serving.shadows import Shadow, list_shadows
from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.operations import publishing
from forest_fire_retrain.pipeline.custody import shadowing
from forest_fire_retrain.pipeline.custody.shadowing import Shadowing, Wish
from forest_fire_retrain.pipeline.monitoring import comparing_shadows
from forest_fire_retrain.watching import comparing_desk


def order_shadow(installation: Installation, which: str, *, until: dt.date, reason: str, stamp: Stamp) -> Shadowing:
    """Have a candidate scored beside the champion until a day; see `shadowing.order_shadow`.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; nothing was changed then.
    """
    wish = _wish(installation, which, reason, stamp)
    with publishing(installation.published_ledger):
        return shadowing.order_shadow(installation.stores, installation.settings.model_name, wish, until)


def end_shadow(installation: Installation, which: str, *, reason: str, stamp: Stamp) -> Shadowing:
    """Have it scored no more; see `shadowing.end_shadow`.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; nothing was changed then.
    """
    published, wish = installation.published_ledger, _wish(installation, which, reason, stamp)
    with publishing(published):
        return shadowing.end_shadow(published.ledger, published.model_name, wish)


def find_shadows(installation: Installation, now: dt.datetime) -> list[Shadow]:
    """Who is scored beside the champion on the day of `now`."""
    settings = installation.settings
    state = installation.ledger.state(settings.model_name)
    return list_shadows(state, day_of(now, settings.time_zone), settings.shadow_rules)


def compare_shadows(installation: Installation, now: dt.datetime) -> list[ShadowComparison]:
    """What shadows said of the days of the champion's reign, and what became of them; see `comparing_shadows`.

    Raises
    ------
    ForestFireRetrainError
        If the ledger or the lake cannot be read.
    """
    state = installation.ledger.state(installation.settings.model_name)
    return comparing_shadows.compare_shadows(comparing_desk(installation), state, now)


def _wish(installation: Installation, which: str, reason: str, stamp: Stamp) -> Wish:
    return Wish(which, reason, day_of(stamp.recorded_at, installation.settings.time_zone), stamp)
