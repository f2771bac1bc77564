"""Differentiable architecture search on images: a cell is searched, its network trained and tested.

    import softcell
    run = softcell.fit("photos")        # a folder with one folder for each class; None: the built-in digits
    run.test_accuracy, run.predict("new.png"), run.export("onnx")
"""

from importlib import import_module as _import_module

from ._softcell import Error, __version__
from .fitting import fit, search, train
from .run import Prediction, Run

__all__ = ["Error", "Prediction", "Run", "__version__", "fit", "search", "train"]


def __getattr__(name: str):
    # What needs more than NumPy is imported where it is asked for.
    if name in ("sklearn", "torch"):
        return _import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
