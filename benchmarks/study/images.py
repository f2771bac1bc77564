"""Reads the images that softcell reads, as arrays of bytes.

`folder` (train/CLASS/*, test/CLASS/*), `idx` (MNIST and its kin, plain or gzip) and `digits` (scikit-learn's). Which
images are taken is softcell's rule: classes by name, files by path, the first `images_per_class` of each class of the
training part, all of the test part. For the digits the test part is softcell's for the same seed and test_fraction 0.2
(`split.py`). Two differences remain: softcell leaves out training images with a copy in the test part, and its decoder
of JPEG may round a byte otherwise than Pillow's. All images of a folder must have one size.
"""

import dataclasses
import gzip
import json
import pathlib

import numpy

import split

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
TEST_FRACTION = 0.2


@dataclasses.dataclass
class Part:
    """Images as N x channels x height x width, and the number of each one's class."""

    images: numpy.ndarray
    labels: numpy.ndarray

    def first(self, per_class: int) -> "Part":
        """The first so many of each class; 0 takes all."""
        if per_class == 0:
            return self
        kept = numpy.concatenate([numpy.flatnonzero(self.labels == c)[:per_class] for c in numpy.unique(self.labels)])
        return self.at(numpy.sort(kept))

    def at(self, indices) -> "Part":
        return Part(self.images[indices], self.labels[indices])


def read(data: str, per_class: int, seed: int, given_split: pathlib.Path | None) -> tuple[Part, Part]:
    """Training and test part of `digits` or of what a path holds."""
    if data == "digits":
        return digits(per_class, seed, given_split)
    if given_split:
        raise SystemExit("--split is for the digits: other images have a test part")
    path = pathlib.Path(data)
    train, test = folder(path, per_class) if (path / "train").is_dir() else idx(path)
    return train.first(per_class), test


def digits(per_class: int, seed: int, given: pathlib.Path | None) -> tuple[Part, Part]:
    from sklearn.datasets import load_digits

    found = load_digits()
    # 0 to 16 as 0 to 255, rounded as softcell rounds it.
    pixels = ((found.images.astype(numpy.int64) * 255 + 8) // 16).astype(numpy.uint8)
    everything = Part(pixels[:, None], found.target.astype(numpy.int64))
    if given:
        parts = json.loads(given.read_text())
        return everything.at(parts["train"]).first(per_class), everything.at(parts["test"])
    # Softcell takes the first of each class before it splits off the test part.
    everything = everything.first(per_class)
    train, test = split.divided(everything.labels.tolist(), TEST_FRACTION, seed)
    return everything.at(train), everything.at(test)


def idx(path: pathlib.Path) -> tuple[Part, Part]:
    parts = []
    for names in [["train"], ["t10k", "test"]]:
        pixels, labels = idx_array(path, names, "images", 3), idx_array(path, names, "labels", 1)
        parts.append(Part(pixels[:, None], labels.astype(numpy.int64)))
    train, test = parts
    numbers = numpy.unique(train.labels)
    return tuple(Part(part.images, numpy.searchsorted(numbers, part.labels)) for part in (train, test))


def idx_array(path: pathlib.Path, names: list[str], kind: str, dimensions: int) -> numpy.ndarray:
    found = [file for name in names for file in sorted(path.glob(f"{name}-{kind}?idx{dimensions}-ubyte*"))]
    if not found:
        raise SystemExit(f"{path}: neither train/ nor {names[0]}-{kind}-idx{dimensions}-ubyte[.gz]")
    raw = found[0].read_bytes()
    if found[0].suffix == ".gz":
        raw = gzip.decompress(raw)
    shape = numpy.frombuffer(raw, ">u4", dimensions, 4)
    # A copy, because PyTorch wants arrays that can be written.
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()


def folder(path: pathlib.Path, per_class: int) -> tuple[Part, Part]:
    classes = sorted(entry.name for entry in (path / "train").iterdir() if entry.is_dir())
    return folder_part(path / "train", classes, per_class), folder_part(path / "test", classes, 0)


def folder_part(path: pathlib.Path, classes: list[str], per_class: int) -> Part:
    from PIL import Image

    images, labels, mode = [], [], None
    for label, name in enumerate(classes):
        files = sorted(file for file in (path / name).rglob("*") if file.suffix.lower() in IMAGES)
        for file in files[:per_class] if per_class else files:
            with Image.open(file) as image:
                mode = mode or ("L" if image.mode == "L" else "RGB")
                images.append(numpy.asarray(image.convert(mode)))
            labels.append(label)
    sizes = {image.shape for image in images}
    if len(sizes) != 1:
        raise SystemExit(f"{path}: images of one size are needed, found {len(sizes)} sizes")
    stacked = numpy.stack(images)
    stacked = stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
    return Part(numpy.ascontiguousarray(stacked), numpy.array(labels))
