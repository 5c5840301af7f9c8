"""A retraining as somebody would write it by hand: query, fit, predict, log. It imports nothing of the product.

It is run as a script, with a file that says what the product's own candidate was made of; it prints the log loss on the
holdout, which has to be the product's to the last bit.
"""

import json
import sys

import duckdb
import mlflow
import numpy as np
from deltalake import DeltaTable
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
QUERY = """
WITH known AS (
    SELECT * FROM fires WHERE recorded_at < TIMESTAMPTZ '{known_at}'
    QUALIFY row_number() OVER (PARTITION BY fire_id ORDER BY recorded_at DESC) = 1
), burned AS (SELECT DISTINCT cell_id, date FROM known WHERE NOT withdrawn)
SELECT {names}, CAST(burned.cell_id IS NOT NULL AS TINYINT) AS label
FROM features LEFT JOIN burned ON burned.cell_id = features.cell_id AND burned.date = features.date
WHERE features.date >= DATE '{start}' AND features.date < DATE '{end}'
ORDER BY features.date, features.cell_id
"""


def main() -> None:
    """Retrain once."""
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - as short as by hand
        told = json.load(file)
    connection = duckdb.connect(config={"threads": 1})
    for table, version in told["versions"].items():
        connection.register(table, DeltaTable(f"{told['lake']}/{table}", version=version).to_pyarrow_dataset())

    def read(window: list[str]) -> tuple[np.ndarray, np.ndarray]:
        names = ", ".join(told["names"])
        sql = QUERY.format(names=names, known_at=told["known_at"], start=window[0], end=window[1])
        frame = connection.sql(sql).df()
        return frame[told["names"]].to_numpy(dtype=np.float64), frame["label"].to_numpy()

    features, labels = read(told["training"])
    model = HistGradientBoostingClassifier(**told["parameters"]).fit(features, labels)
    judged, truth = read(told["holdout"])
    probabilities = np.clip(model.predict_proba(judged)[:, 1], 1e-6, 1 - 1e-6)
    loss = float(log_loss(truth, probabilities))
    mlflow.set_tracking_uri(told["tracking"])
    mlflow.set_experiment("by hand")
    with mlflow.start_run():
        mlflow.log_params(told["parameters"])
        mlflow.log_metrics({"holdout_log_loss": loss})
        mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=TRUSTED,
            pip_requirements=["scikit-learn"],
            input_example=None,
        )
    print(json.dumps({"holdout_log_loss": loss, "probability_sum": float(probabilities.sum())}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
