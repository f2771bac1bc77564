"""A classifier of images as scikit-learn has them; scikit-learn must be installed (``softcell[sklearn]``)."""

from __future__ import annotations

import io
import math
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Mapping

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f"softcell.sklearn needs scikit-learn 1.6 or later ({error}): pip install 'softcell[sklearn]'"
    ) from error

from .fitting import fit, train
from .run import Run


class SoftcellClassifier(ClassifierMixin, BaseEstimator):
    """Searches a cell for images and trains its network, or trains that of ``genotype``.

    ``X`` are images ``[N, H, W]`` or ``[N, H, W, 1|3]``, or flattened ones in rows ``[N, pixels]``: of ``image_shape``, such
    as ``(28, 28)`` or ``(32, 32, 3)``, and square if it is not given; ``(1, -1)`` takes rows of any length as images of one
    row. Bytes (uint8) are taken as they are. Other numbers become bytes, from 0 for the least to 255 for the largest of those
    that it is fitted on (``scale_``); what lies beyond in later ones is taken for these.

    ``settings`` are further keywords of ``softcell.fit``. Without ``out``, a new folder for each ``fit``, the run is in a
    temporary folder that is there as long as the classifier, and which a pickle of it takes along. After ``fit``, ``run_`` is
    the run, ``classes_`` are the labels.
    """

    def __init__(
        self, genotype: str | None = None, *, image_shape: tuple[int, ...] | None = None,
        out: str | os.PathLike[str] | None = None, budget: float | str | None = None, seed: int | None = None,
        threads: int | None = None, epochs: int | None = None, layers: int | None = None,
        init_channels: int | None = None, learning_rate: float | None = None, progress: bool | None = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.genotype = genotype
        self.image_shape = image_shape
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
        X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        # Not fitted until this one has come to its end.
        vars(self).pop("run_", None)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.scale_ = (0, 255) if X.dtype == np.uint8 else (X.min(), X.max())
        given = {name: getattr(self, name) for name in
                 ("seed", "threads", "epochs", "layers", "init_channels", "learning_rate", "progress")}
        given = {**{name: value for name, value in given.items() if value is not None}, **(self.settings or {})}
        self._folder = tempfile.TemporaryDirectory(prefix="softcell-") if self.out is None else None
        given["out"] = self.out if self._folder is None else Path(self._folder.name) / "run"
        data = {"train": (self._images(X), labels), "classes": [str(name) for name in self.classes_]}
        if self.genotype is None:
            self.run_ = fit(data, budget=self.budget, **given)
        else:
            self.run_ = train(self.genotype, data, **given)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, ``[N, classes]``, in the order of ``classes_``."""
        check_is_fitted(self, "run_")
        return self.run_.predict_proba(self._images(validate_data(self, X, reset=False, allow_nd=True)))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each image."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def _images(self, X: np.ndarray) -> np.ndarray:
        """Images of bytes."""
        if X.ndim == 2:
            X = X.reshape(len(X), *self._shape(X.shape[1]))
        if X.dtype == np.uint8:
            return X
        low, high = (float(bound) for bound in self.scale_)
        share = (X.astype(float) - low) / (high - low if high > low else 1.0)
        return (share.clip(0, 1) * 255).round().astype(np.uint8)

    def _shape(self, pixels: int) -> tuple[int, ...]:
        """The shape of a row as an image."""
        if self.image_shape is None:
            side = math.isqrt(pixels)
            if side * side != pixels:
                raise ValueError(
                    f"X: found rows of {pixels} numbers, which make no square image; name the shape of the images, such as "
                    "image_shape=(28, 28) or (32, 32, 3)"
                )
            return side, side
        shape = tuple(self.image_shape)
        known = math.prod(side for side in shape if side != -1)
        if known == 0 or pixels % known or (-1 not in shape and known != pixels):
            raise ValueError(f"X: found rows of {pixels} numbers, expected those of image_shape={self.image_shape}")
        return shape

    def __getstate__(self) -> dict:
        state = dict(super().__getstate__())
        folder = state.pop("_folder", None)
        if folder is not None and state.pop("run_", None) is not None:
            state["_files"] = _packed(Path(folder.name) / "run")
        return state

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            self._folder = tempfile.TemporaryDirectory(prefix="softcell-")
            self.run_ = Run(Path(self._folder.name) / "run")
            zipfile.ZipFile(io.BytesIO(files)).extractall(self.run_.path)


def _packed(run: Path) -> bytes:
    """The files of a run but for what only goes on with it, and without the images beside it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.rglob("*")):
            name = path.relative_to(run)
            if path.is_file() and name.parts[0] not in ("checkpoints", "parts"):
                archive.write(path, name.as_posix())
    return packed.getvalue()
