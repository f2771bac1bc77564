"""Images as people have them in Python, as the library reads them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Iterable, Mapping

import numpy as np

_PARTS = {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"), "test": ("x_test", "y_test")}


def is_path(data: Any) -> bool:
    return isinstance(data, (str, os.PathLike))


def is_pil(image: Any) -> bool:
    return hasattr(image, "getbands") and hasattr(image, "convert")


def data_file(data: Any, beside: Path) -> str:
    """Arrays as a file ``arrays-HASH.npz`` in the folder ``beside``: the one copy, from which a run is gone on with.

    The same arrays are the same file, which is written once.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays_of(data).items()}
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.data)
    beside.mkdir(parents=True, exist_ok=True)
    path = beside.resolve() / f"arrays-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        handle, writing = tempfile.mkstemp(prefix=".arrays-", suffix=".npz", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(writing, path)
        except BaseException:
            os.unlink(writing)
            raise
    return str(path)


def arrays_of(data: Any) -> dict[str, np.ndarray]:
    """The arrays of a file that the library reads."""
    names = None
    if isinstance(data, Mapping):
        strange = [part for part in data if part not in (*_PARTS, "classes")]
        if strange or "train" not in data:
            raise ValueError(
                f"data: found the parts {sorted(map(str, data))}, expected 'train' and, if you have them, "
                "'validation', 'test' and 'classes'"
            )
        parts = {part: _pair(part, data[part]) for part in _PARTS if part in data}
        names = data.get("classes")
    elif isinstance(data, tuple) and len(data) == 2:
        parts = {"train": _pair("train", data)}
    else:
        parts = {"train": _collected("data", data)}
        names = getattr(data, "classes", None)
    shape = parts["train"][0].shape[1:]
    for part, (x, _) in parts.items():
        if x.shape[1:] != shape:
            raise ValueError(
                f"{part}: found images of shape {x.shape[1:]}, those of train are {shape}; bring them to one shape"
            )
    labels, names = _numbered({part: y for part, (_, y) in parts.items()}, names)
    arrays = {}
    for part, (x, _) in parts.items():
        arrays[_PARTS[part][0]] = x
        arrays[_PARTS[part][1]] = labels[part]
    if names is not None:
        arrays["class_names"] = np.array(names, dtype=str)
    return arrays


def _pair(part: str, pair: Any) -> tuple[np.ndarray, np.ndarray]:
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
        return _collected(part, pair)
    x, y = np.asarray(pair[0]), np.asarray(pair[1])
    _check_dtype(part, x)
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
        advice = ""
        if x.ndim == 4 and x.shape[1] in (1, 3):
            advice = "; move the channels to the end: x.transpose(0, 2, 3, 1)"
        elif x.ndim == 2:
            advice = "; give the rows their shape: x.reshape(-1, height, width)"
        raise ValueError(
            f"{part}: found images of shape {x.shape}, expected [N, H, W], [N, H, W, 1] or [N, H, W, 3]{advice}"
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) != len(x):
        raise ValueError(
            f"{part}: found labels of shape {y.shape} for {len(x)} images, expected one for each: [{len(x)}]"
        )
    return x, y


def _check_dtype(what: str, x: np.ndarray) -> None:
    if x.dtype != np.uint8:
        if np.issubdtype(x.dtype, np.floating):
            advice = "of floats from 0 to 1 make (x * 255).round().astype('uint8')"
        else:
            advice = "make x.astype('uint8') if its values are from 0 to 255"
        raise TypeError(f"{what}: found images of {x.dtype}, expected uint8; {advice}")


def _collected(part: str, pairs: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a data set of pairs, such as one of torchvision."""
    if isinstance(pairs, np.ndarray) or not (hasattr(pairs, "__iter__") or hasattr(pairs, "__getitem__")):
        raise TypeError(
            f"{part}: found {type(pairs).__name__}, expected a path, a pair (x, y) of arrays, a dict of such pairs by "
            "part, or a sequence of pairs (image, label)"
        )
    # Data sets of PyTorch have no end where one asks for more and more.
    items = (pairs[i] for i in range(len(pairs))) if hasattr(pairs, "__len__") and hasattr(pairs, "__getitem__") else pairs
    images, labels = [], []
    for i, item in enumerate(items):
        if not (isinstance(item, (tuple, list)) and len(item) == 2):
            raise TypeError(f"{part}[{i}]: found {type(item).__name__}, expected a pair (image, label)")
        image = _plain(f"{part}[{i}]", item[0])
        if images and image.shape != images[0].shape:
            raise ValueError(
                f"{part}[{i}]: found an image of shape {image.shape}, the first one is {images[0].shape}; "
                "bring them to one size, or put them into folders and give the path"
            )
        images.append(image)
        labels.append(item[1].item() if hasattr(item[1], "item") else item[1])
    if not images:
        raise ValueError(f"{part}: found no images")
    return _pair(part, (np.stack(images), np.asarray(labels)))


def _plain(what: str, image: Any) -> np.ndarray:
    if is_pil(image):
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    array = np.asarray(image)
    _check_dtype(what, array)
    return array


def _numbered(labels: dict[str, np.ndarray], names: Any) -> tuple[dict[str, np.ndarray], list[str] | None]:
    """Labels as whole numbers, and the names that they stand for."""
    kinds = {part: y.dtype.kind for part, y in labels.items()}
    if all(kind in "iu" for kind in kinds.values()):
        return {part: y.astype(np.int64) for part, y in labels.items()}, None if names is None else list(names)
    if not all(kind == "U" or (kind == "O" and all(isinstance(one, str) for one in labels[part]))
               for part, kind in kinds.items()):
        part = next(part for part, kind in kinds.items() if kind not in "iuU")
        raise TypeError(
            f"{part}: found labels of {labels[part].dtype}, expected whole numbers or texts; "
            "make y.astype(int) if they are whole"
        )
    texts = {part: y.astype(str) for part, y in labels.items()}
    names = sorted(set(texts["train"].tolist())) if names is None else [str(name) for name in names]
    number = {name: i for i, name in enumerate(names)}
    for part, y in texts.items():
        strange = next((name for name in y.tolist() if name not in number), None)
        if strange is not None:
            raise ValueError(f"{part}: found the label {strange!r}, which no training image has; expected one of {names}")
    return {part: np.array([number[name] for name in y.tolist()], np.int64) for part, y in texts.items()}, names


def file_of_pil(image: Any) -> bytes:
    """A picture of Pillow as the bytes of a PNG file, upright."""
    import io

    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = image.convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
