"""The only place where the product looks at a clock; everywhere else time is an argument."""

import datetime as dt


def read_clock() -> dt.datetime:
    """Now, UTC."""
    return dt.datetime.now(dt.UTC)
