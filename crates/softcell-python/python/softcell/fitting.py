"""``fit``, ``search`` and ``train``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Mapping

from . import _softcell
from .images import data_file, is_path
from .progress import Teller
from .run import Run, asked_of, worked
from .settings import settings_of

_OPTIONS = """
    data: None or "digits" for the built-in handwritten digits; a path that the program reads (folder, archive, table,
        .npz, CIFAR, IDX); a pair (x, y) of arrays, x uint8 [N, H, W] or [N, H, W, 1|3] and y whole numbers or texts; a
        dict of such pairs by part: "train", "validation", "test" (and "classes", names by number); or a sequence of
        pairs (image, label), such as a data set of torchvision without transforms. What is no path is kept as
        arrays-HASH.npz beside the folder of the run, which reads it again when it is resumed or evaluated.
    out: folder of the run; the next free runs/NAME-N where none is named.
    budget: seconds, or a time such as "45m"; "none" for any.
    resume, force: go on with, or replace, a run that is in ``out``.
    callback: called with a dict after each epoch, a line of the history; where several cells are compared, after each of
        them ("stage": "select"; their epochs are not told). An exception ends the run; the answer "stop"
        ends it at a step. Either way, and after Ctrl-C, what was done is saved, and ``Run.resume`` comes to the same bits.
    progress: a tqdm bar; None: where tqdm is installed.
        What the library notes goes to the logger "softcell": notes as INFO, what is to be said against the run as WARNING.
    set: settings by their keys: {"search.method.alphas.beta1": 0.9}.
    preset, config, checkpoint_seconds, ignore_memory, tensorboard: as the program's flags.
    settings: the other flags of the program with _ for -: search_epochs=3, train_layers=5, epochs=3 for both,
        method="pc-darts", space="s2", images_per_class=100, max_params="100k".
"""


def fit(
    data: Any = None, *, out: str | os.PathLike[str] | None = None, budget: float | str | None = None,
    seed: int | None = None, threads: int | None = None, resume: bool = False, force: bool = False,
    callback: Callable[[dict], Any] | None = None, progress: bool | None = None,
    set: Mapping[str, Any] | None = None, **settings: Any,
) -> Run:
    """Search a cell, train its network and test it."""
    return _begun("fit", None, data, locals())


def search(
    data: Any = None, *, out: str | os.PathLike[str] | None = None, seed: int | None = None,
    threads: int | None = None, resume: bool = False, force: bool = False,
    callback: Callable[[dict], Any] | None = None, progress: bool | None = None,
    set: Mapping[str, Any] | None = None, **settings: Any,
) -> Run:
    """Only search a cell."""
    return _begun("search", None, data, locals())


def train(
    cell: str | os.PathLike[str] | Run | None = None, data: Any = None, *, out: str | os.PathLike[str] | None = None,
    start_from: str | os.PathLike[str] | Run | None = None, seed: int | None = None, threads: int | None = None, resume: bool = False, force: bool = False,
    callback: Callable[[dict], Any] | None = None, progress: bool | None = None,
    set: Mapping[str, Any] | None = None, **settings: Any,
) -> Run:
    """Train the network of a cell and test it.

    ``cell`` is a run, whose network is trained in its folder, on its images; or a genotype: the text of one, a file with
    it, or a published name such as "DARTS_V2", which is trained in a new run.

    ``start_from`` is a run whose weights the training begins from, as far as they fit; its cells and sizes are taken where no
    cell is named.
    """
    given = locals()
    if cell is None and start_from is None:
        raise TypeError("train() needs a cell, such as 'DARTS_V2', or start_from=, a run whose network is trained further")
    if not isinstance(cell, Run):
        return _begun("train", None if cell is None else genotype_text(cell), data, given)
    if data is not None or out is not None:
        raise TypeError(
            "train() of a run has its images and folder: leave data and out out, or train run.genotype for others"
        )
    asked, tell = _asked("train", given)
    return worked(cell.path, tell, lambda tell: _softcell.train_run(asked, cell.path, tell))


def genotype_text(cell: str | os.PathLike[str]) -> str:
    """The text of a genotype or its name, or what stands in a file with one."""
    is_file = isinstance(cell, os.PathLike) or os.path.isfile(cell)
    return Path(cell).read_text(encoding="utf-8") if is_file else cell


for function in (fit, search, train):
    function.__doc__ = f"{function.__doc__}\n{_OPTIONS}"
del function


def _asked(stage: str, given: Mapping[str, Any]) -> tuple[dict, Teller]:
    settings = dict(given["settings"])
    settings["seed"] = given["seed"]
    named = {name: settings.pop(name) for name in
             ("preset", "config", "checkpoint_seconds", "ignore_memory", "tensorboard") if name in settings}
    if given["resume"] and given["force"]:
        raise TypeError("resume and force contradict one another: leave one out")
    overwrite = "resume" if given["resume"] else "force" if given["force"] else "refuse"
    pairs = settings_of(stage, settings, given["set"])
    origin = given.get("start_from")
    asked = asked_of(pairs, overwrite=overwrite, start_from=origin.path if isinstance(origin, Run) else origin, budget=given.get("budget"), threads=given["threads"],
                     command=[f"softcell.{stage}", *(f"{key}={value}" for key, value in pairs)], **named)
    return asked, Teller(given["callback"], given["progress"])


def _begun(stage: str, genotype: str | None, data: Any, given: Mapping[str, Any]) -> Run:
    out = given["out"]
    if given["resume"] and out is None:
        raise TypeError("resume needs the folder of the run: name it with out=")
    asked, tell = _asked(stage, given)
    if data is None:
        # With a settings file the images may be named there.
        path = None if "config" in given["settings"] else "digits"
    elif is_path(data):
        path = os.fspath(data)
    else:
        path = data_file(data, Path("runs") if out is None else Path(out).parent)
    if path is not None:
        asked["settings"].insert(0, ("data.path", path))
    folder = None if out is None else Path(out)
    return worked(folder, tell, lambda tell: _softcell.begin(stage, asked, folder, genotype, tell))
