"""What the commits of the prediction log note, for whoever asks for nothing else; imports nothing."""

import datetime as dt
from collections.abc import Mapping

LOG_TABLE = "predictions"
"""Name of the lake's table."""
LAST_LIVE_DAY = "last_live_day"
"""Under what a commit notes the newest day that was predicted live on the day itself."""


def last_live_day_of(notes: Mapping[str, str]) -> dt.date | None:
    """The newest day that was predicted live on the day itself, as a commit noted it; `None` without any."""
    noted = notes.get(LAST_LIVE_DAY)
    return None if noted is None else dt.date.fromisoformat(noted)
