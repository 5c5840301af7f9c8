"""The notebook's questions, and the pages and pictures that its answers become."""

import base64
import datetime as dt
import html
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from forest_fire_retrain import investigate, operations
from forest_fire_retrain.core.errors import RefusedRequestError
from forest_fire_retrain.core.rows.tables import TableName
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.places import PROJECT_ROOT
from forest_fire_retrain.proofs import check_evidence
from forest_fire_retrain_tests.example_predictions import log_predictions
from forest_fire_retrain_tests.example_reigns import WEEKS, three_reigns

DAY = dt.date(2025, 7, 23)


@pytest.fixture
def asked(tmp_path: Path) -> Installation:
    """Three reigns with a ledger that is published, and three days in the log."""
    made = three_reigns().installation
    installation = replace(made, settings=made.settings.model_copy(update={"home": tmp_path}), clock=lambda: LATER)
    operations.publish(installation.published_ledger)
    log_predictions(installation, [DAY - dt.timedelta(days=back) for back in range(3)])
    return installation


LATER = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
ENDS = ["promotion of version 2 (SUPERIOR)", "promotion of version 3 (REFRESH_NON_INFERIOR)"]


def first_cell(installation: Installation) -> str:
    cell: str = min(installation.lake.read(TableName.CELLS)["cell_id"].to_pylist())
    return cell


def test_the_log_is_a_table_by_days_and_cell(asked: Installation) -> None:
    everything = investigate.predictions(installation=asked)
    assert len(everything) == 3 * 6
    cell = first_cell(asked)
    part = investigate.predictions("2025-07-22", DAY, cell=cell, installation=asked)
    assert part["date"].tolist() == [dt.date(2025, 7, 22), DAY]
    assert {"probability", "precip_7d_mm", "model_version"} <= set(part.columns)
    with pytest.raises(RefusedRequestError, match="lies before the first"):
        investigate.predictions("2025-07-22", "2025-07-01", installation=asked)
    with pytest.raises(RefusedRequestError, match="no cell 'nowhere'"):
        investigate.predictions(cell="nowhere", installation=asked)


def test_reigns_are_a_table_and_the_champion_is_asked_by_the_wall_clock(asked: Installation) -> None:
    reigns = investigate.history(installation=asked)
    assert reigns["version"].tolist() == [1, 2, 3]
    assert reigns["ended"].tolist() == [*ENDS, None]
    assert versions_at(asked, None) == 3
    assert versions_at(asked, reigns["since"][1].to_pydatetime()) == 2
    assert versions_at(asked, "2020-01-01") is None


def versions_at(asked: Installation, at: dt.datetime | str | None) -> object:
    champion = investigate.champion_at(at, installation=asked)["champion"]
    return champion["version"] if isinstance(champion, dict) else None


def test_parts_are_a_table_that_adds_up(asked: Installation) -> None:
    cell = first_cell(asked)
    answer = investigate.explain(cell, "2025-07-23", installation=asked)
    table = investigate.table_of(answer)
    assert isinstance(table, pd.DataFrame)
    assert table["log_odds"].sum() == pytest.approx(answer.breakdown.log_odds, abs=1e-9)
    assert table["what"][0].startswith("The general level")
    supposed = investigate.what_if(cell, DAY, {"temp_max_c": 41.0}, installation=asked)
    assert investigate.table_of(supposed)["log_odds"].sum() == pytest.approx(supposed.difference.log_odds, abs=1e-9)
    decided = investigate.explain_decision(WEEKS[1], installation=asked)
    assert investigate.table_of(decided)["mean"].sum() == pytest.approx(decided.whole.mean, abs=1e-9)
    with pytest.raises(RefusedRequestError, match="'tomorrow' is not a day"):
        investigate.explain(cell, "tomorrow", installation=asked)


def pages(installation: Installation) -> list[str]:
    cell = first_cell(installation)
    answers = (
        investigate.explain(cell, DAY, installation=installation),
        investigate.what_if(cell, DAY, {"temp_max_c": 41.0}, installation=installation),
        investigate.explain_decision(WEEKS[1], installation=installation),
    )
    assert all(isinstance(investigate.figure_of(answer), Figure) for answer in answers)
    return [investigate.page_of(answer) for answer in answers]


def test_a_page_needs_nothing_else_and_is_the_same_each_time(asked: Installation) -> None:
    made = pages(asked)
    assert made == pages(asked)
    for page in made:
        assert not re.search(r"<script|<link|<iframe|\son\w+=|https?://|url\(", page)
        (address,) = re.findall(r'<img src="([^"]+)"', page)
        assert base64.b64decode(address.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
        assert page.count("<table") == page.count("</table>") > 0
    assert "SUPPOSED, never predicted and not logged" in made[1]


def test_what_came_from_outside_is_text_in_a_page(asked: Installation) -> None:
    cells = asked.lake.read(TableName.CELLS)
    evil = '<img src=x onerror="alert(1)">'
    named = cells.set_column(cells.column_names.index("name"), "name", [[evil] * cells.num_rows])
    asked.lake.overwrite(TableName.CELLS, named.cast(cells.schema))
    prediction = investigate.explain(first_cell(asked), DAY, installation=asked)
    decision = investigate.explain_decision(WEEKS[1], installation=asked)
    part = decision.cells[0].model_copy(update={"name": evil})
    for answer in (prediction, decision.model_copy(update={"cells": (part,), "sentences": (evil,)})):
        page = investigate.page_of(answer)
        assert evil not in page
        assert html.escape(evil) in page
    (cell_of_table,) = re.findall(r"<td>(&lt;img[^<]*)</td>", page)
    assert cell_of_table == html.escape(evil)


def test_asking_for_the_package_imports_none_of_this() -> None:
    code = "import sys, forest_fire_retrain; assert 'pandas' not in sys.modules and 'shap' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)
    code = "import sys; from forest_fire_retrain import investigate; assert 'shap' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)


def test_a_decision_is_trained_again_and_proved_from_a_notebook(asked: Installation, tmp_path: Path) -> None:
    assert investigate.reproduce(2, installation=asked).is_reproduced
    pack = tmp_path / "pack.zip"
    investigate.evidence(WEEKS[1], pack, installation=asked)
    assert check_evidence(pack).holds
    with zipfile.ZipFile(pack) as archive:
        attached = {name.removeprefix("attachments/") for name in archive.namelist() if name.startswith("attachments/")}
        page = archive.read("attachments/explanation.html").decode()
    assert attached == {"candidate_card.md", "champion_card.md", "explanation.html"}
    assert f"Decision of {WEEKS[1]}" in page


def test_evidence_says_why_a_decision_is_not_explained(asked: Installation, tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    investigate.evidence(WEEKS[0], pack, installation=asked)
    with zipfile.ZipFile(pack) as archive:
        reason = archive.read("attachments/not_explained.txt").decode()
    assert "there was no champion" in reason
