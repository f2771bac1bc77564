import numpy as np
import pytest
import softcell
from conftest import made_up
from softcell import images, settings

X, Y = made_up(12)


@pytest.mark.parametrize("data, kind, text", [
    ((X / 255, Y), TypeError, r"train: found images of float64, expected uint8; .*\(x \* 255\).round"),
    ((X.astype(int), Y), TypeError, r"found images of int64, expected uint8; make x.astype\('uint8'\)"),
    ((X.reshape(12, -1), Y), ValueError, r"found images of shape \(12, 192\).*x.reshape\(-1, height, width\)"),
    ((X.transpose(0, 3, 1, 2), Y), ValueError, r"shape \(12, 3, 8, 8\).*x.transpose\(0, 2, 3, 1\)"),
    ((X, Y[:5]), ValueError, r"train: found labels of shape \(5,\) for 12 images, expected one for each: \[12\]"),
    ((X, Y / 2), TypeError, r"found labels of float64, expected whole numbers or texts"),
    ({"test": (X, Y)}, ValueError, r"found the parts \['test'\], expected 'train'"),
    ({"train": (X, Y), "test": (X[:, :4], Y)}, ValueError, r"test: found images of shape \(4, 8, 3\), those of train are"),
    ({"train": (X, np.array(["a"] * 12)), "test": (X, np.array(["b"] * 12))}, ValueError, "found the label 'b'"),
    ([(X[0], 1), X[1]], TypeError, r"data\[1\]: found ndarray, expected a pair"),
    ([(X[0], 1), (X[1][:4], 1)], ValueError, r"data\[1\]: found an image of shape \(4, 8, 3\), the first one is"),
    ([], ValueError, "data: found no images"),
    (X, TypeError, "data: found ndarray, expected a path, a pair"),
    (7, TypeError, "data: found int, expected a path"),
])
def test_what_is_wrong_with_arrays_is_said(data, kind, text, tmp_path):
    with pytest.raises(kind, match=text):
        softcell.fit(data, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_misspelt_keywords_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"softcell.fit\(\) has no keyword 'serach_epochs'; the nearest is 'search_epochs'"):
        softcell.fit(out=tmp_path / "run", serach_epochs=3)
    with pytest.raises(TypeError, match=r"no keyword 'callbck'; the nearest is 'callback'"):
        softcell.fit(callbck=print)
    with pytest.raises(TypeError, match=r"softcell.search\(\) has no keyword 'auxiliary'"):
        softcell.search(auxiliary=True)


@pytest.mark.parametrize("given, kind, text", [
    (dict(search_epochs="many"), softcell.Error, "search.epochs = many: expected a whole number"),
    (dict(method="darts-2n"), softcell.Error, "nearest: darts-2nd"),
    (dict(set={"search.epoch": 3}), softcell.Error, "nearest is `search.epochs`"),
    (dict(train_batch_size=1), softcell.Error, "setting train.batch_size = 1: expected"),
    (dict(budget="soon"), softcell.Error, "budget = soon: expected a time such as 90s"),
    (dict(budget=0.5), softcell.Error, "budget = 0.5: expected a time"),
    (dict(threads=0), ValueError, "threads 0: expected 1 or more"),
    (dict(resume=True), TypeError, "name it with out="),
    (dict(callback=3), TypeError, "callback: found int"),
    (dict(preset="best"), softcell.Error, "preset"),
])
def test_wrong_settings_are_refused(given, kind, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=text):
        softcell.fit(progress=False, **given)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(softcell.Error, match="nowhere"):
        softcell.fit(tmp_path / "nowhere", out=tmp_path / "run", progress=False)
    with pytest.raises(softcell.Error, match="no config.toml"):
        softcell.Run.open(tmp_path)


def test_keywords_are_the_flags_of_the_program():
    pairs = settings.settings_of("fit", dict(search_epochs=2, epochs=5, cutout=True, also=["DARTS_V2", "GDAS"]), {"seed": 7})
    assert ("search.epochs", "2") in pairs and ("train.epochs", "5") in pairs
    assert dict(pairs)["search.epochs"] == "2" and pairs[-1] == ("seed", "7")
    assert dict(pairs)["search.cutout"] == "true" and dict(pairs)["select.also"] == "DARTS_V2,GDAS"
    assert settings.settings_of("search", dict(epochs=5), None) == [("search.epochs", "5")]
    assert settings.settings_of("train", dict(max_params="100k"), None) == [("train.max_params", "100k")]


def test_the_file_of_arrays_is_written_once(tmp_path):
    first, second = images.data_file((X, Y), tmp_path), images.data_file((X.copy(), Y.tolist()), tmp_path)
    assert first == second != images.data_file((X, Y[::-1]), tmp_path)
    # However they lie in memory.
    assert images.data_file((np.asfortranarray(X), Y), tmp_path) == first
    assert not list(tmp_path.glob(".arrays-*"))
