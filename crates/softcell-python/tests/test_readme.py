import os
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import made_up

#: Beside the tests where they were copied to, else that of the package.
PACKAGE = Path(__file__).resolve().parent.parent
README = PACKAGE / "README.md"
#: The page of the guide: where it was copied to, else that of the repository.
GUIDE = next(
    (path for path in (PACKAGE / "python.md", PACKAGE.parents[1] / "docs/guide/python.md") if path.exists()), None
)


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S).group(1)
    monkeypatch.chdir(tmp_path)
    x, y = made_up()
    np.save("images.npy", x)
    np.save("labels.npy", y)
    # As it stands it would take minutes.
    small = 'budget="none", search_epochs=1, epochs=1, layers=2, nodes=1, init_channels=4'
    assert 'budget="30m"' in example
    exec(compile(example.replace('budget="30m"', small), "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "Prediction(label=" in said and "(5, 3)" in said and os.path.join("runs", "first", "model.onnx") in said


def test_the_page_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    assert GUIDE is not None, "docs/guide/python.md is not beside the tests"
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 4
    names = {}
    for block in blocks:
        exec(compile(block, "python.md", "exec"), names)
    said = capsys.readouterr().out
    assert os.path.join("runs", "first", "model.onnx") in said and "(3, 2)" in said
