import os
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import made_up

#: Beside the tests where they were copied to, else that of the package.
README = Path(__file__).resolve().parent.parent / "README.md"


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
