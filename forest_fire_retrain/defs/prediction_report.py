"""What the UI shows of a predicted day: the map, the highest cells, yesterday beside what was reported."""

import json
from collections.abc import Mapping, Sequence

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.serving.prediction_log import PredictionKind, Role
from forest_fire_retrain.defs.maps import draw_map, lay_out, title_of
from forest_fire_retrain.defs.metadata import SHORT_HASH, Metadata, mlflow_page, number, table, text
from forest_fire_retrain.defs.picture_files import MAP, PictureFiles
from forest_fire_retrain.installation import Installation
from forest_fire_retrain.pipeline.serving.logging_predictions import PredictedDay
from forest_fire_retrain.pipeline.serving.reporting import Yesterday, count_classes, look_at_yesterday

N_HIGHEST = 10


def describe_prediction(
    installation: Installation, day: PredictedDay, ahead: Sequence[PredictedDay] = (), *, with_map: bool = True
) -> Metadata:
    """Everything that the UI shows of a day; the map, and yesterday beside what was reported, only `with_map`."""
    issue, settings = day.issue, installation.settings
    first = day.rows.slice(0, 1).to_pylist()[0]
    before = look_at_yesterday(installation.lake, day) if with_map else None
    page = f"#/models/{settings.model_name}/versions/{issue.version}"
    return {
        **({"map": _keep_map(installation, day, before)} if with_map else {}),
        "highest cells": highest_table(day.rows, names_of(day.cells)),
        "cells by class": text(", ".join(f"{n} {name}" for name, n in count_classes(day).items())),
        "expected fires": number(pc.sum(day.rows["expected_fires"]).as_py()),
        "kind": text(issue.kind),
        "written": dg.MetadataValue.bool(day.is_new),
        "issue": text(issue.name),
        "who answers": text(issue.author),
        **(
            {"parts": text(str(first["model_id"]))}
            if issue.role is Role.MIXTURE
            else {
                "model version": dg.MetadataValue.int(issue.version),
                "MLflow version": dg.MetadataValue.url(mlflow_page(settings, page)),
            }
        ),
        "artifact SHA-256": text(str(first["artifact_sha256"])[:SHORT_HASH]),
        "known at": text(issue.known_at.isoformat()),
        "scored at": text(issue.scored_at.isoformat()),
        "table versions": dg.MetadataValue.json(json.loads(str(first["table_versions"]))),
        "cells": dg.MetadataValue.int(day.rows.num_rows),
        "cells without weather": dg.MetadataValue.int(day.n_without_weather),
        **({} if before is None else _describe_yesterday(before, names_of(day.cells))),
        **({"days ahead": ahead_table(ahead)} if ahead else {}),
    }


def names_of(cells: pa.Table) -> dict[str, str]:
    """Cell to the name that people use."""
    return dict(zip(cells["cell_id"].to_pylist(), cells["name"].to_pylist(), strict=True))


def highest_table(rows: pa.Table, names: Mapping[str, str], n_highest: int = N_HIGHEST) -> dg.MetadataValue:
    """The most dangerous cells of an issue, one row each."""
    return table(
        [
            {
                "rank": str(row["rank"]),
                "cell": row["cell_id"],
                "name": names.get(row["cell_id"], ""),
                "chance": f"{row['probability']:.2%}",
                "class": row["risk_class"],
                "weather": "known" if row["has_weather"] else "MISSING",
            }
            for row in rows.slice(0, n_highest).to_pylist()
        ]
    )


def ahead_table(ahead: Sequence[PredictedDay]) -> dg.MetadataValue:
    """One row per day ahead."""
    return table(
        [
            {
                "day": day.issue.date.isoformat(),
                "lead days": str(day.issue.lead_days),
                "expected fires": f"{pc.sum(day.rows['expected_fires']).as_py():.3g}",
                "cells by class": ", ".join(f"{n} {name}" for name, n in count_classes(day).items()),
                "highest": ", ".join(day.rows["cell_id"].to_pylist()[:3]),
                "cells without weather": str(day.n_without_weather),
                "issue": day.issue.name,
            }
            for day in ahead
        ]
    )


def _describe_yesterday(before: Yesterday, names: Mapping[str, str]) -> Metadata:
    expected = pc.sum(before.rows["expected_fires"]).as_py()
    said = f"{expected:.2g} fires were expected, in {counted(len(before.burnt), 'cell')} one is reported so far"
    burnt = before.rows.filter(pc.is_in(before.rows["cell_id"], pa.array(sorted(before.burnt), pa.string())))
    return {
        "yesterday": text(f"{before.issue.date}, {before.issue.author}, {before.issue.kind}: {said}"),
        **({"yesterday's fires": highest_table(burnt, names, burnt.num_rows)} if burnt.num_rows else {}),
    }


def _keep_map(installation: Installation, day: PredictedDay, before: Yesterday | None) -> dg.MetadataValue:
    """A link to the map; that of the newest live day stands on the page of the asset too."""
    files, png = PictureFiles(installation.settings.picture_folder), _draw(day, before)
    if day.issue.kind is PredictionKind.LIVE:
        files.replace(MAP, png)
    return files.keep(png)


def _draw(day: PredictedDay, before: Yesterday | None) -> bytes:
    classes = _classes_of(day.rows)
    title = title_of(day.issue.date, day.issue.author, day.issue.kind)
    panels = [lay_out(title, day.rows, day.cells, classes, frozenset())]
    if before is not None:
        title = title_of(before.issue.date, before.issue.author, before.issue.kind)
        panels.append(lay_out(f"{title}, and fires reported", before.rows, day.cells, classes, before.burnt))
    return draw_map(panels, classes)


def _classes_of(rows: pa.Table) -> list[str]:
    """The classes that the rows were named by, the least dangerous first."""
    limits = json.loads(rows["class_limits"][0].as_py())
    return sorted(limits, key=lambda name: float(limits[name]))
