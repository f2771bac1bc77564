import numpy as np
import pytest
from conftest import made_up

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

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


def test_a_cell_is_searched_where_none_is_given(tmp_path):
    x, y = made_up()
    settings = dict(search_epochs=1, nodes=1)
    classifier = SoftcellClassifier(out=tmp_path / "run", budget="none", settings=settings, **{**SMALL, "epochs": 1})
    assert classifier.fit(x, y).run_.history[0]["stage"] == "search"
