"""Differentiable architecture search on images: a cell is searched, its network trained and tested.

    import softcell
    run = softcell.fit("photos")        # a folder with one folder for each class; None: the built-in digits
    run.test_accuracy, run.predict("new.png"), run.export("onnx")
"""

from ._softcell import Error, __version__
from .fitting import fit, search, train
from .run import Prediction, Run

__all__ = ["Error", "Prediction", "Run", "__version__", "fit", "search", "train"]
