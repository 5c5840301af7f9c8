"""Stored models: what may be loaded, and what is refused."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import skops.io

from forest_fire_retrain.adapters.verified_models import MAX_PARSED, TRUSTED_TYPES, load_verified, sha256_of_file
from forest_fire_retrain.core.errors import ArtifactTamperedError, TrackingError
from forest_fire_retrain.core.models.training import fit
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.risk_model import RiskModel
from forest_fire_retrain_tests.example_models import SMALL_BOOSTING, SMALL_LOGISTIC, example_model, example_rows


def write(path: Path, content: object) -> str:
    skops.io.dump(content, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("recipe", [SMALL_BOOSTING, SMALL_LOGISTIC], ids=lambda recipe: recipe.estimator)
@pytest.mark.parametrize("negatives_per_positive", [None, 5])
def test_every_recipe_survives_storage_with_the_same_prediction_bits(
    tmp_path: Path, recipe: Recipe, negatives_per_positive: int | None
) -> None:
    features, labels = example_rows()
    parameters = {**recipe.parameters, "negatives_per_positive": negatives_per_positive}
    model = fit(recipe.model_copy(update={"parameters": parameters}), features, labels, seed=2, n_threads=1)
    restored = load_verified(tmp_path / "m", expected_sha256=write(tmp_path / "m", model))
    assert np.array_equal(restored.predict_proba(features), model.predict_proba(features))
    assert restored.feature_names == model.feature_names


def test_no_trusted_type_is_superfluous(tmp_path: Path) -> None:
    features, labels = example_rows()
    needed: set[str] = set()
    for recipe in (SMALL_BOOSTING, SMALL_LOGISTIC):
        write(tmp_path / "m", fit(recipe, features, labels, seed=2, n_threads=1))
        needed |= set(skops.io.get_untrusted_types(file=tmp_path / "m"))
    assert needed == set(TRUSTED_TYPES)


def test_other_bytes_than_recorded_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "m", example_model())
    with pytest.raises(ArtifactTamperedError, match="but 0000"):
        load_verified(tmp_path / "m", expected_sha256="0" * 64)


def test_a_type_that_is_not_trusted_is_refused_although_its_hash_is_right(tmp_path: Path) -> None:
    model = example_model()
    smuggled = type(model)(model.pipeline, model.feature_names, model.used_features)
    smuggled.extra = Counter("ab")
    digest = write(tmp_path / "m", smuggled)
    with pytest.raises(TrackingError, match="not trusted"):
        load_verified(tmp_path / "m", expected_sha256=digest)


def test_something_else_than_a_risk_model_is_refused(tmp_path: Path) -> None:
    digest = write(tmp_path / "m", example_model().pipeline)
    with pytest.raises(TrackingError, match="expected a RiskModel"):
        load_verified(tmp_path / "m", expected_sha256=digest)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(TrackingError, match="cannot be read"):
        load_verified(tmp_path / "m", expected_sha256=sha256_of_file(tmp_path / "m"))


def test_a_missing_file_is_a_tracking_error(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="cannot be read"):
        sha256_of_file(tmp_path / "none")


def test_the_model_that_was_asked_for_longest_ago_gives_way(tmp_path: Path) -> None:
    features, labels = example_rows()
    hashes = [
        write(
            tmp_path / str(seed), fit(SMALL_LOGISTIC, features[: 800 + seed], labels[: 800 + seed], seed=1, n_threads=1)
        )
        for seed in range(MAX_PARSED + 2)
    ]

    def load(number: int) -> RiskModel:
        return load_verified(tmp_path / str(number), expected_sha256=hashes[number])

    champion = load(0)
    for candidate in range(1, MAX_PARSED + 2):
        load(candidate)
        assert load(0) is champion
    oldest = load(MAX_PARSED)
    for number in (0, MAX_PARSED + 1):
        load(number)
    assert load(MAX_PARSED) is not oldest
