"""The notebook is run cell by cell, by Jupyter's client where it is installed."""

import importlib.util
import json
from pathlib import Path

import pytest

#: Beside the tests where they were copied to, else in the package.
NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "digits.ipynb"
#: As it stands it takes most of a minute.
SMALL = 'seed=1, budget="none", images_per_class=20, search_epochs=1, epochs=2, layers=2, nodes=1, init_channels=4'


def there(*names):
    return all(importlib.util.find_spec(name) for name in names)


@pytest.fixture
def notebook():
    """The notebook, without the cells whose tags are packages that are not there."""
    if not there("sklearn"):
        pytest.skip("scikit-learn is not installed, from which the images of the notebook are: it was NOT run")
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    content["cells"] = [cell for cell in content["cells"] if there(*cell["metadata"].get("tags", []))]
    [fitting] = [cell for cell in content["cells"] if "softcell.fit(" in "".join(cell["source"])]
    fitting["source"] = "".join(fitting["source"]).replace("seed=1", SMALL)
    return content


def test_nothing_of_a_run_is_kept_in_it():
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None


def test_its_cells_run(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if there("nbclient", "ipykernel"):
        import nbclient
        import nbformat

        book = nbformat.reads(json.dumps(notebook), 4)
        nbformat.validate(book)
        nbclient.NotebookClient(book, resources={"metadata": {"path": str(tmp_path)}}, timeout=300).execute()
        shown = [output for cell in book.cells for output in cell.get("outputs", []) if "data" in output]
        pages = [output.data["text/html"] for output in shown if "text/html" in output.data]
        assert any("<svg" in page and "test accuracy" in page for page in pages), pages
    else:
        names = {}
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), names)
    assert (tmp_path / "runs" / "digits" / "model.onnx").exists()
