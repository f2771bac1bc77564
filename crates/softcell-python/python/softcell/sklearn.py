"""A classifier of images as scikit-learn has them; scikit-learn must be installed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Mapping

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from .fitting import fit, train


class SoftcellClassifier(ClassifierMixin, BaseEstimator):
    """Searches a cell for images and trains its network, or trains that of ``genotype``.

    ``X`` are images as ``softcell.fit`` takes them, uint8 ``[N, H, W]`` or ``[N, H, W, 1|3]``; ``settings`` are further
    keywords of ``softcell.fit``. Without ``out``, a new folder for each ``fit``, the run is in a temporary folder that
    is there as long as the classifier. After ``fit``, ``run_`` is the run and ``classes_`` are the labels.
    """

    def __init__(
        self, genotype: str | None = None, *, out: str | os.PathLike[str] | None = None,
        budget: float | str | None = None, seed: int | None = None, threads: int | None = None,
        epochs: int | None = None, layers: int | None = None, init_channels: int | None = None,
        learning_rate: float | None = None, progress: bool | None = False, settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.genotype = genotype
        self.out = out
        self.budget = budget
        self.seed = seed
        self.threads = threads
        self.epochs = epochs
        self.layers = layers
        self.init_channels = init_channels
        self.learning_rate = learning_rate
        self.progress = progress
        self.settings = settings

    def fit(self, X: Any, y: Any) -> SoftcellClassifier:
        """Fits on images and labels; a part of them is kept for a test, of which ``run_.test_accuracy`` tells."""
        given = {name: getattr(self, name) for name in
                 ("seed", "threads", "epochs", "layers", "init_channels", "learning_rate", "progress")}
        given = {**{name: value for name, value in given.items() if value is not None}, **(self.settings or {})}
        self._folder = tempfile.TemporaryDirectory(prefix="softcell-") if self.out is None else None
        given["out"] = self.out if self._folder is None else Path(self._folder.name) / "run"
        data = (np.asarray(X), np.asarray(y))
        if self.genotype is None:
            self.run_ = fit(data, budget=self.budget, **given)
        else:
            self.run_ = train(self.genotype, data, **given)
        # The order of the library, which sorts labels too.
        self.classes_ = np.unique(data[1])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, ``[N, classes]``, in the order of ``classes_``."""
        check_is_fitted(self, "run_")
        return self.run_.predict_proba(X)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each image."""
        return self.classes_[self.predict_proba(X).argmax(1)]
