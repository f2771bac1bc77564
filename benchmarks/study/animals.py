#!/usr/bin/env python3
"""Animal-Shape as IDX files that `softcell` and the yardsticks read.

10,000 gray silhouettes of animals, 28x28, of ten classes, in the PyPI package animal_mnist 0.4 (MIT). Of each class every
second image tests; training images with a copy in the test part are left out.

    pip download --no-deps animal_mnist==0.4
    python3 benchmarks/study/animals.py animal_mnist-0.4-py3-none-any.whl OUT
"""

import argparse
import gzip
import io
import pathlib
import pickle
import zipfile

import numpy


class Arrays(pickle.Unpickler):
    """Reads arrays of NumPy and nothing else: a pickle can name any function."""

    def find_class(self, module: str, name: str):
        if (module.split(".")[0], name) in {("numpy", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")


def array(wheel: zipfile.ZipFile, kind: str) -> numpy.ndarray:
    name = f"animal_mnist/data/Animal_MNIST/animal_{kind}_version_3.gz"
    return Arrays(io.BytesIO(gzip.decompress(wheel.read(name)))).load()


def write(path: pathlib.Path, values: numpy.ndarray) -> None:
    """As MNIST's files: two zeros, 8 for bytes, the number of dimensions, each as four bytes, the bytes."""
    head = bytes([0, 0, 8, values.ndim]) + numpy.array(values.shape, ">u4").tobytes()
    # Without the time, so that the same images make the same file.
    path.write_bytes(gzip.compress(head + values.astype(numpy.uint8).tobytes(), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        images, labels = array(wheel, "data"), array(wheel, "label")
    images = images.reshape(-1, 28, 28)
    tests = numpy.zeros(len(labels), bool)
    for label in numpy.unique(labels):
        tests[numpy.flatnonzero(labels == label)[1::2]] = True
    known = {image.tobytes() for image in images[tests]}
    train = ~tests & numpy.array([image.tobytes() not in known for image in images])
    options.out.mkdir(parents=True, exist_ok=True)
    for part, name in [(train, "train"), (tests, "t10k")]:
        write(options.out / f"{name}-images-idx3-ubyte.gz", images[part])
        write(options.out / f"{name}-labels-idx1-ubyte.gz", labels[part])
        print(f"{name}: {part.sum()} images")


if __name__ == "__main__":
    main()
