import pickle

import numpy as np
import pytest
from conftest import made_up

pytest.importorskip("sklearn", reason="scikit-learn is not installed: the estimator was NOT tested")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

from softcell.sklearn import SoftcellClassifier

SMALL = dict(seed=1, epochs=30, layers=2, init_channels=4)


def test_labels_and_probabilities():
    x, y = made_up()
    names = np.array(["c", "a", "b"])[y]
    classifier = SoftcellClassifier("DARTS_V2", **SMALL).fit(x, names)
    assert classifier.classes_.tolist() == classifier.run_.classes == ["a", "b", "c"]
    assert classifier.predict_proba(x).shape == (120, 3)
    assert classifier.score(x, names) > 0.8
    numbers = SoftcellClassifier("DARTS_V2", **SMALL).fit(x, 10 - 4 * y)
    assert numbers.classes_.tolist() == [2, 6, 10] and numbers.score(x, 10 - 4 * y) > 0.8
    with pytest.raises(TypeError, match="the nearest is 'search_epochs'"):
        SoftcellClassifier(settings={"serach_epochs": 1}).fit(x, y)


def test_pipelines_and_grids():
    x, y = made_up()
    classifier = SoftcellClassifier("DARTS_V2", **SMALL)
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(layers=3).layers == 3
    gray = FunctionTransformer(lambda images: images[..., 0])
    pipeline = make_pipeline(gray, SoftcellClassifier("DARTS_V2", **{**SMALL, "epochs": 1}))
    grid = GridSearchCV(pipeline, {"softcellclassifier__init_channels": [4, 6]}, cv=2).fit(x, y)
    assert set(grid.cv_results_["param_softcellclassifier__init_channels"]) == {4, 6}
    assert grid.predict(x).shape == (120,)


def test_rows_and_numbers_become_images():
    x, y = made_up()
    rows = x.reshape(120, -1)
    shaped = SoftcellClassifier("DARTS_V2", image_shape=(8, 8, 3), **SMALL)
    of_images = SoftcellClassifier("DARTS_V2", **SMALL).fit(x, y).predict_proba(x)
    assert np.array_equal(shaped.fit(rows, y).predict_proba(rows), of_images)
    # The least and the largest number of those that it was fitted on are 0 and 255.
    numbers = (rows.astype(float) - rows.min()) / (rows.max() - rows.min()) * 7 - 3
    pipeline = make_pipeline(MinMaxScaler((0, 1)), clone(shaped)).fit(rows, y)
    assert pipeline.score(rows, y) > 0.8
    fitted = clone(shaped).fit(numbers, y)
    assert fitted.scale_ == (-3.0, 4.0)
    assert np.array_equal(fitted.predict_proba(numbers), fitted.predict_proba(numbers.clip(-3, 4) * 1.0))
    assert np.array_equal(fitted._images(numbers * 2)[:, 0, 0], fitted._images((numbers * 2).clip(-3, 4))[:, 0, 0])
    for shape, text in [(None, "found rows of 192 numbers, which make no square image"), ((9, 9), r"image_shape=\(9, 9\)")]:
        with pytest.raises(ValueError, match=text):
            SoftcellClassifier("DARTS_V2", image_shape=shape).fit(rows, y)


def test_it_is_pickled_with_its_network():
    x, y = made_up()
    classifier = SoftcellClassifier("DARTS_V2", **{**SMALL, "epochs": 1}).fit(x, y)
    place, probabilities, packed = classifier.run_.path, classifier.predict_proba(x), pickle.dumps(classifier)
    del classifier
    assert not place.exists()
    again = pickle.loads(packed)
    assert again.run_.path != place and np.array_equal(again.predict_proba(x), probabilities)
    assert again.run_.test_accuracy >= 0 and again.run_.export().exists()


def test_a_fit_that_fails_leaves_no_fitted_estimator(tmp_path):
    x, y = made_up()
    classifier = SoftcellClassifier("DARTS_V2", **{**SMALL, "epochs": 1}).fit(x, y)
    classifier.learning_rate = float("nan")
    with pytest.raises(ValueError):
        classifier.fit(x, y)
    for one in (classifier, pickle.loads(pickle.dumps(classifier))):
        with pytest.raises(NotFittedError):
            one.predict(x)


#: The checks of scikit-learn that fail, and why.
EXPECTED = {
    "check_fit2d_1feature": "one of the three classes of its ten images has too few for the parts that train and test",
}


def test_the_checks_of_scikit_learn():
    """Their rows of two or three numbers are no images: here they are some of one row. Copies stay: such images are alike."""
    classifier = SoftcellClassifier("DARTS_V2", image_shape=(1, -1), epochs=20, layers=1, init_channels=4, learning_rate=0.1,
                                    threads=1, settings={"duplicates": "ignore", "batch_size": 16})
    results = check_estimator(classifier, expected_failed_checks=EXPECTED, on_skip=None, on_fail=None)
    failed = {one["check_name"]: str(one["exception"]) for one in results if one["status"] == "failed"}
    assert failed == {}, failed
    # What is expected to fail does so still.
    assert {one["check_name"] for one in results if one["status"] == "xfail"} == set(EXPECTED)
    assert sum(one["status"] == "passed" for one in results) > 45
