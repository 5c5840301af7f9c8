"""Take the picture of the README: `python -m forest_fire_retrain_tests.browser.take_screenshots HOME OUT`.

HOME is a retrained home (`forest-fire up` has run there); OUT is the folder of the picture.
"""

import sys
import time
from pathlib import Path

from forest_fire_retrain_tests.browser.served import expand_all_groups, open_browser, serve, visit

SETTLE_SECONDS = 3


def take_picture(home: Path, out: Path) -> None:
    """The lineage as a PNG file in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with serve(home) as served, open_browser(1900, 800) as browser:
        visit(browser, f"{served.dagster}/asset-groups", "ingest")
        time.sleep(SETTLE_SECONDS)
        expand_all_groups(browser)
        browser.save_screenshot(str(out / "lineage.png"))


if __name__ == "__main__":
    take_picture(Path(sys.argv[1]), Path(sys.argv[2]))
