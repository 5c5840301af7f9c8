"""Take the pictures of the README: `python -m forest_fire_retrain_tests.browser.take_screenshots HOME OUT`.

HOME is a retrained home (`forest-fire up` has run there); OUT is the folder of the pictures.
"""

import sys
import time
from pathlib import Path

from forest_fire_retrain_tests.browser.served import expand_all_groups, open_browser, serve, visit

SETTLE_SECONDS = 3
ZOOM_SECONDS = 2


def take_all(home: Path, out: Path) -> None:
    """Lineage, decision, checks and registry pages as PNG files in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with serve(home) as served, open_browser(1900, 800) as browser:
        visit(browser, f"{served.dagster}/asset-groups", "ingest")
        time.sleep(SETTLE_SECONDS)
        expand_all_groups(browser)
        browser.save_screenshot(str(out / "lineage.png"))
        for name, page, text, height in (
            ("decision", "assets/adjudication_decision?view=overview", "decision id", 1500),
            ("checks", "assets/adjudication_decision?view=checks", "candidate_beats_climatology", 800),
            ("plots", "assets/adjudication_decision?view=partitions", "2026", 900),
        ):
            browser.set_window_size(1500, height)
            visit(browser, f"{served.dagster}/{page}", text)
            time.sleep(SETTLE_SECONDS)
            browser.save_screenshot(str(out / f"{name}.png"))
        browser.set_window_size(1500, 800)
        visit(browser, f"{served.mlflow}/#/models/forest_fire_risk", "champion")
        time.sleep(ZOOM_SECONDS)
        browser.save_screenshot(str(out / "registry.png"))


if __name__ == "__main__":
    take_all(Path(sys.argv[1]), Path(sys.argv[2]))
