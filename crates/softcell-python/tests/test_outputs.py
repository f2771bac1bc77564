import json
import os
import subprocess

import numpy as np
import pytest
import softcell
from PIL import Image


@pytest.fixture(scope="module")
def pictures():
    """Images of sizes and modes that are not the network's."""
    rng = np.random.default_rng(2)
    return [rng.integers(0, 256, shape, np.uint8) for shape in [(8, 8), (8, 8, 3), (20, 13), (9, 30, 3), (8, 8, 4)]]


def test_files_arrays_and_pictures_are_answered_alike(run, pictures, tmp_path):
    files = []
    for i, image in enumerate(pictures):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(image).save(files[-1])
    of_files = run.predict_proba(files)
    assert of_files.shape == (len(pictures), 10) and of_files.dtype == np.float32
    assert np.allclose(of_files.sum(1), 1, atol=1e-5)
    assert np.array_equal(of_files, run.predict_proba(pictures))
    assert np.array_equal(of_files, run.predict_proba([Image.fromarray(image) for image in pictures]))
    assert np.array_equal(of_files, run.predict_proba(tmp_path))
    one = run.predict(files[2])
    assert one.label == run.classes[of_files[2].argmax()] and one == run.predict(pictures[2])
    assert one == run.predict(Image.fromarray(pictures[2])) and list(one.probabilities) == run.classes
    assert len(run.predict(np.stack([pictures[0]] * 3))) == 3
    program = os.environ.get("SOFTCELL_PROGRAM")
    if program:
        words = [program, "predict", "--run", run.path, "--json", *files]
        said = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        for answer, row in zip(said, of_files):
            assert answer["class"] == run.classes[row.argmax()]
            assert np.float32(answer["probability"]) == row.max()


def test_a_large_batch_is_answered_image_by_image(run):
    x = np.random.default_rng(3).integers(0, 256, (200, 8, 8), np.uint8)
    rows = run.predict_proba(x)
    assert np.allclose(rows, np.concatenate([run.predict_proba(image) for image in x]), atol=1e-6)


def test_what_cannot_be_answered_is_said(run, tmp_path):
    with pytest.raises(TypeError, match=r"x: found float64 of shape \(8, 8\), expected"):
        run.predict(np.zeros((8, 8)))
    with pytest.raises(softcell.Error, match="nothing.png"):
        run.predict(tmp_path / "nothing.png")
    (tmp_path / "bad.png").write_bytes(b"not an image")
    with pytest.raises(softcell.Error, match="cannot be read as an image"):
        run.predict([tmp_path / "bad.png"])


def test_evaluation_is_the_result(run):
    again = run.evaluate()
    for key in ("test_accuracy", "test_images", "parameters", "macs", "confusion", "classes"):
        assert again[key] == run.result[key], key
    low, high = again["test_accuracy_interval"]
    assert low <= again["test_accuracy"] <= high


def test_exported_files_answer_alike(run, tmp_path):
    path = run.export(out=tmp_path / "model.onnx", softmax=True)
    assert path == tmp_path / "model.onnx" and path.stat().st_size > 1000
    with pytest.raises(softcell.Error, match="force=True"):
        run.export(out=path)
    with pytest.raises(ValueError, match="softmax does not belong to format 'pytorch'"):
        run.export("pytorch", softmax=True)
    with pytest.raises(softcell.Error, match="one of onnx, safetensors, pytorch"):
        run.export("keras")
    assert run.export("safetensors", tmp_path / "w.safetensors").exists()
    onnxruntime = pytest.importorskip("onnxruntime")
    x = np.random.default_rng(4).integers(0, 256, (5, 8, 8), np.uint8)
    session = onnxruntime.InferenceSession(os.fspath(path))
    [answer] = session.run(None, {session.get_inputs()[0].name: x[:, None].astype(np.float32)})
    assert np.abs(answer - run.predict_proba(x)).max() < 1e-5


def test_a_file_in_whole_numbers(run, tmp_path):
    path = run.export(out=tmp_path / "int8.onnx", quantize="int8", max_drop=100, calibration_images=50, softmax=True)
    assert path.stat().st_size < run.export(out=tmp_path / "model.onnx").stat().st_size
    with pytest.raises(softcell.Error, match="max_drop"):
        run.export(out=tmp_path / "other.onnx", quantize="int8", max_drop=-1)
    with pytest.raises(ValueError, match="max_drop belongs to quantize='int8'"):
        run.export(out=tmp_path / "other.onnx", max_drop=1)
    with pytest.raises(ValueError, match="expected 'int8' or None"):
        run.export(out=tmp_path / "other.onnx", quantize="int4")
    with pytest.raises(ValueError, match="quantize does not belong to format 'safetensors'"):
        run.export("safetensors", quantize="int8")
    assert not (tmp_path / "other.onnx").exists()
    onnxruntime = pytest.importorskip("onnxruntime")
    x = np.random.default_rng(6).integers(0, 256, (50, 8, 8), np.uint8)
    session = onnxruntime.InferenceSession(os.fspath(path))
    [answer] = session.run(None, {session.get_inputs()[0].name: x[:, None].astype(np.float32)})
    difference = np.abs(answer - run.predict_proba(x))
    assert 0 < difference.max() < 0.5 and difference.mean() < 0.05


def test_a_file_that_takes_images_of_any_size(run, pictures, tmp_path):
    path = run.export(out=tmp_path / "any.onnx", with_resize=True, softmax=True)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(os.fspath(path))
    for image in pictures:
        planes = image if image.ndim == 3 else image[:, :, None]
        [answer] = session.run(None, {session.get_inputs()[0].name: planes})
        assert np.abs(answer[0] - run.predict_proba(image)[0]).max() < 1e-3


def test_logits_of_an_exported_file(run, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(os.fspath(run.export(out=tmp_path / "model.onnx")))
    x = np.random.default_rng(5).integers(0, 256, (5, 8, 8), np.uint8)
    [logits] = session.run(None, {session.get_inputs()[0].name: x[:, None].astype(np.float32)})
    log = np.log(run.predict_proba(x).astype(np.float64))
    # A constant of each image is lost in probabilities.
    assert np.abs((logits - logits.max(1, keepdims=True)) - (log - log.max(1, keepdims=True))).max() < 1e-5


def test_the_report_and_the_head_of_a_notebook(run):
    page = run.report()
    assert page == run.path / "report.html" and "<!DOCTYPE html>" in page.read_text(encoding="utf-8")
    head = run._repr_html_()
    assert f"{100 * run.test_accuracy:.2f} %" in head and "<svg" in head and "parameters" in head
    assert "test accuracy" in repr(run)
