"""A run and what can be asked of it."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from . import _softcell
from .images import data_file, file_of_pil, is_path, is_pil
from .progress import Teller


class Prediction(NamedTuple):
    """The answer for one image."""

    label: str
    probability: float
    #: By class, in the order of the classes.
    probabilities: dict[str, float]


class Run:
    """A run in its folder: begun by ``softcell.fit``, ``search`` or ``train``, or by the program."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._predictor: tuple[int, _softcell.Predictor] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Run:
        """The run in a folder."""
        run = cls(path)
        if not (run.path / "config.toml").exists():
            raise _softcell.Error(f"run {run.path}: there is no config.toml in it; name the folder of a run")
        return run

    @property
    def is_finished(self) -> bool:
        """Whether there is a result."""
        return (self.path / "result.json").exists()

    @property
    def result(self) -> dict:
        """What it came to: ``result.json``."""
        if not self.is_finished:
            raise _softcell.Error(
                f"run {self.path}: it has no result yet; go on with run.resume(), or train a finished search with "
                "softcell.train(run)"
            )
        return self._json("result.json")

    @property
    def test_accuracy(self) -> float:
        """Share of the test images that got the right class."""
        return self.result["test_accuracy"]

    @property
    def genotype(self) -> str:
        """The cell, in the text of the original implementation."""
        try:
            return (self.path / "genotype.txt").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise _softcell.Error(
                f"run {self.path}: it has no genotype yet; finish its search with run.resume()"
            ) from None

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return self._json("manifest.json")["classes"]

    @property
    def history(self) -> list[dict]:
        """The epochs that are done: the lines of ``history.jsonl``."""
        file = self.path / "history.jsonl"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]

    def history_frame(self) -> Any:
        """The same as a data frame of pandas, which must be installed."""
        import pandas

        return pandas.DataFrame(self.history)

    def resume(
        self, *, callback: Callable[[dict], Any] | None = None, progress: bool | None = None,
        threads: int | None = None, checkpoint_seconds: int = 60, ignore_memory: bool = False,
    ) -> Run:
        """Go on where it was stopped, with the settings that it has; nothing is done where it is finished."""
        asked = asked_of([], overwrite="resume", threads=threads, checkpoint_seconds=checkpoint_seconds,
                         ignore_memory=ignore_memory)
        words = self._json("manifest.json")["command"] if (self.path / "manifest.json").exists() else []
        verbs = [word.split(".")[-1] for word in words[:2]]
        stage = next((verb for verb in verbs if verb in ("search", "train")), "fit")
        return worked(self.path, Teller(callback, progress),
                      lambda tell: _softcell.go_on(stage, asked, self.path, tell))

    def predict(self, x: Any) -> Prediction | list[Prediction]:
        """Class and probabilities of an image: a path, a picture of Pillow or an array of bytes [H, W] or [H, W, C].

        Of a list of these, of a folder or pattern of files, and of an array [N, H, W] or [N, H, W, C] a list. Images are
        brought to the size of the network as ``softcell predict`` does.
        """
        rows, single = self._rows(x)
        classes = self._open().classes
        said = []
        for row in rows:
            best = int(np.argmax(row))
            said.append(Prediction(classes[best], float(row[best]), dict(zip(classes, map(float, row)))))
        return said[0] if single else said

    def predict_proba(self, x: Any) -> np.ndarray:
        """Probabilities of images as ``predict`` takes them, as float32 ``[N, classes]``."""
        return self._rows(x)[0]

    def evaluate(self, data: Any = None, *, part: str = "test") -> dict:
        """How well its network answers for its test images, or for others, as ``softcell.fit`` takes them.

        Of other images those of the test part are taken where they have one, all of them with ``part="all"``.
        """
        if part not in ("test", "all"):
            raise ValueError(f"part {part!r}: expected 'test' or 'all'")
        if data is not None:
            data = os.fspath(data) if is_path(data) else data_file(data, self.path.parent)
        return json.loads(_softcell.evaluate(self.path, data, part == "all"))

    def export(
        self, format: str = "onnx", out: str | os.PathLike[str] | None = None, *, force: bool = False,
        fold: bool = True, softmax: bool = False, input_range: str = "bytes", with_resize: bool = False,
        quantize: str | None = None, max_drop: float | None = None, calibration_images: int | None = None,
        test_images: int | None = None,
    ) -> Path:
        """Write its network for other programs: "onnx", "safetensors" or "pytorch"; in its folder if no file is named.

        For ONNX: ``fold`` batch normalisations, end with a ``softmax``, take pixels from 0 to 255 or
        (``input_range="one"``) to 1, or (``with_resize``) one image of any size as bytes.

        ``quantize="int8"`` writes whole numbers of eight bits, calibrated on ``calibration_images`` (256) training images
        and measured beside the network on ``test_images`` (2,000); if it knows more than ``max_drop`` (1) percentage
        points less of them, nothing is written.
        """
        if input_range not in ("bytes", "one"):
            raise ValueError(f"input_range {input_range!r}: expected 'bytes' or 'one'")
        if quantize not in (None, "int8"):
            raise ValueError(f"quantize {quantize!r}: expected 'int8' or None")
        counted = {"max_drop": max_drop, "calibration_images": calibration_images, "test_images": test_images}
        said = [name for name, value in counted.items() if value is not None]
        if said and quantize is None:
            raise ValueError(f"{said[0]} belongs to quantize='int8'; leave it out")
        of_onnx = {"fold": not fold, "softmax": softmax, "input_range": input_range != "bytes",
                   "with_resize": with_resize, "quantize": quantize is not None}
        strange = [name for name, value in of_onnx.items() if value]
        if format != "onnx" and strange:
            raise ValueError(f"{strange[0]} does not belong to format {format!r}; leave it out")
        wanted = {"format": format, "force": force, "fold": fold, "softmax": softmax,
                  "unit_range": input_range == "one", "with_resize": with_resize,
                  "int8": None if quantize is None else counted}
        return Path(_softcell.export(self.path, None if out is None else os.fspath(out), wanted))

    def report(self) -> Path:
        """Write its page for the browser anew, and answer where it is."""
        return Path(_softcell.report(self.path))

    def __reduce__(self) -> tuple:
        return Run, (self.path,)

    def __repr__(self) -> str:
        if not self.is_finished:
            return f"<softcell.Run {str(self.path)!r}, not finished>"
        return f"<softcell.Run {str(self.path)!r}, test accuracy {self.test_accuracy:.4f}>"

    def _repr_html_(self) -> str:
        lines = [f"<b>Softcell run {html.escape(str(self.path))}</b>"]
        if self.is_finished:
            result = self.result
            right = sum(row[i] for i, row in enumerate(result["confusion"]))
            interval = _softcell.interval(right, result["test_images"])
            lines.append(
                f"test accuracy {100 * result['test_accuracy']:.2f} % ({interval}) on {result['test_images']:,} images, "
                f"{result['parameters']:,} parameters, {result['macs']:,} multiply-adds per image"
            )
        else:
            lines.append("not finished")
        pictures = ""
        if (self.path / "genotype.txt").exists():
            pictures = _softcell.cells(self.genotype)
        return f"<div>{'<br>'.join(lines)}{pictures}</div>"

    def _json(self, name: str) -> Any:
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def _open(self) -> _softcell.Predictor:
        """The network; read again where the run was trained anew."""
        result = self.path / "result.json"
        changed = result.stat().st_mtime_ns if result.exists() else 0
        if self._predictor is None or self._predictor[0] != changed:
            self._predictor = (changed, _softcell.Predictor(self.path))
        return self._predictor[1]

    def _rows(self, x: Any) -> tuple[np.ndarray, bool]:
        """Probabilities of images, and whether it was one image."""
        predictor = self._open()
        if is_path(x) or (isinstance(x, (list, tuple)) and x and all(map(is_path, x))):
            single = is_path(x) and not os.path.isdir(x) and not any(sign in os.fspath(x) for sign in "*?[")
            rows = []
            for path, answer, error in predictor.files([x] if is_path(x) else list(x)):
                if error is not None:
                    raise _softcell.Error(error)
                rows.append(np.frombuffer(answer, np.float32))
            return np.stack(rows) if rows else np.zeros((0, len(predictor.classes)), np.float32), single
        if isinstance(x, (list, tuple)):
            images = [self._image(f"image {i}", image) for i, image in enumerate(x)]
            return self._answers(b"".join(images)), False
        if is_pil(x):
            return self._answers(self._image("image", x)), True
        x = np.asarray(x)
        if x.dtype == np.uint8 and (x.ndim == 2 or (x.ndim == 3 and self._is_one(x))):
            return self._answers(self._image("image", x)), True
        channels, height, width = predictor.shape
        if x.dtype == np.uint8 and x.ndim in (3, 4):
            batch = x[..., None] if x.ndim == 3 else x
            if batch.shape[1:] == (height, width, channels):
                return self._answers(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).tobytes()), False
            return self._answers(b"".join(self._image(f"image {i}", image) for i, image in enumerate(x))), False
        raise _wrong("x", x)

    def _is_one(self, x: np.ndarray) -> bool:
        """Whether three axes are rows, columns and channels; else they are images, rows and columns."""
        channels, _, width = self._open().shape
        if x.shape[2] not in (1, 3, 4):
            return False
        return not (channels == 1 and x.shape[2] == width)

    def _answers(self, images: bytes) -> np.ndarray:
        predictor = self._open()
        numbers = np.frombuffer(predictor.probabilities(images), np.float32)
        return numbers.reshape(-1, len(predictor.classes))

    def _image(self, name: str, image: Any) -> bytes:
        """An image in the shape of the network, channel after channel."""
        predictor = self._open()
        if is_path(image):
            return predictor.decode(Path(image).read_bytes(), os.fspath(image))
        if is_pil(image):
            return predictor.decode(file_of_pil(image), name)
        image = np.asarray(image)
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))):
            raise _wrong(name, image)
        planes = image[:, :, None] if image.ndim == 2 else image
        channels, height, width = predictor.shape
        if planes.shape == (height, width, channels):
            return np.ascontiguousarray(planes.transpose(2, 0, 1)).tobytes()
        return predictor.bring(np.ascontiguousarray(planes).tobytes(), planes.shape)


def _wrong(name: str, x: np.ndarray) -> TypeError:
    return TypeError(
        f"{name}: found {x.dtype} of shape {x.shape}, expected a path, a picture of Pillow, or uint8 of shape [H, W], "
        "[H, W, 1|3|4], [N, H, W] or [N, H, W, 1|3|4]; of floats from 0 to 1 make (x * 255).round().astype('uint8')"
    )


def asked_of(
    settings: Sequence[tuple[str, str]], *, overwrite: str, threads: int | None = None, budget: Any = None,
    preset: str | None = None, config: str | os.PathLike[str] | None = None, checkpoint_seconds: int = 60,
    ignore_memory: bool = False, tensorboard: bool = False, start_from: str | os.PathLike[str] | None = None,
    command: Sequence[str] = (),
) -> dict:
    """What is asked for, as the native side takes it."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads {threads}: expected 1 or more")
    return {
        "settings": list(settings), "preset": preset, "config": config, "overwrite": overwrite,
        "budget": None if budget is None else str(budget), "threads": threads, "checkpoint_seconds": checkpoint_seconds,
        "ignore_memory": ignore_memory, "tensorboard": tensorboard, "start_from": start_from, "command": list(command),
    }


def worked(path: Path | None, tell: Teller, work: Callable[[Teller], bool]) -> Run:
    """The run after work on it; Ctrl-C says how it goes on. Without a path it is in the folder that is told."""
    try:
        work(tell)
    except KeyboardInterrupt:
        place = path or tell.folder
        if place is None or not (Path(place) / "config.toml").exists():
            raise
        raise KeyboardInterrupt(
            f"what was done is saved; go on with softcell.Run.open({os.fspath(place)!r}).resume()"
        ) from None
    finally:
        tell.close()
    return Run(path or tell.folder or ".")
