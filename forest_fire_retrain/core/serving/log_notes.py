"""What the commits of the prediction log note, for whoever asks for nothing else; imports nothing."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

LOG_TABLE = "predictions"
"""Name of the lake's table."""
LAST_LIVE_DAY = "last_live_day"
"""Under what a commit notes the newest day that was predicted live on the day itself."""
SHARE_WITHOUT_WEATHER = "share_without_weather"
"""Under what it notes the share of the cells that were without weather then."""


class LastLive(NamedTuple):
    """The newest day that was predicted live on the day itself, and the share of its cells without weather."""

    day: dt.date
    share_without_weather: float

    def to_notes(self) -> dict[str, str]:
        """As a commit notes it."""
        return {LAST_LIVE_DAY: self.day.isoformat(), SHARE_WITHOUT_WEATHER: f"{self.share_without_weather:.4f}"}

    def describe_alert(self, limit: float) -> list[str]:
        """One sentence where the share is above the limit."""
        if self.share_without_weather <= limit:
            return []
        sentence = (
            f"the prediction of {self.day} was made without weather for {self.share_without_weather:.0%} of the cells "
            f"(FOREST_FIRE_MAX_SHARE_WITHOUT_WEATHER: {limit:.0%}); look at the source, then run: forest-fire predict"
        )
        return [sentence]


def read_last_live(notes: Mapping[str, str]) -> LastLive | None:
    """What a commit noted; `None` if nothing was predicted live before it."""
    if LAST_LIVE_DAY not in notes:
        return None
    return LastLive(dt.date.fromisoformat(notes[LAST_LIVE_DAY]), float(notes.get(SHARE_WITHOUT_WEATHER, "0")))
