"""Networks of Softcell as modules of PyTorch, which must be installed.

    network = softcell.torch.load(run)                    # as it was trained, in evaluation mode
    logits = network(torch.from_numpy(images[:, None]))   # bytes [N, C, H, W]

    network = softcell.torch.genotype_network("DARTS_V2", classes=10)
    network.drop_path_prob = 0.2                          # for training; 0 unless it is set

A network takes images ``[N, C, H, W]`` (of colour images in rows, columns and channels make ``x.transpose(0, 3, 1, 2)``)
and answers logits ``[N, classes]``. Bytes from 0 to 255 it normalises itself, by the mean and deviation of the images that
it was trained on; floats it takes as normalised already, as ``network.normalized`` makes them of bytes, which may have been
augmented. ``network.classes`` are the names of its classes, ``network.source`` is the PyTorch source that it was made of:
plain modules for exactly this network, which run without Softcell. The names of its weights are those of the original DARTS
code, as are those of ``run.export("safetensors")``.
"""

from __future__ import annotations

import linecache
import os
from types import ModuleType
from typing import Sequence

try:
    import torch
    from torch import nn
except ImportError as error:
    raise ImportError(f"softcell.torch needs PyTorch ({error}): pip install 'softcell[torch]'") from error

from . import _softcell
from .fitting import genotype_text
from .run import Run

__all__ = ["genotype_network", "load"]


def load(run: Run | str | os.PathLike[str], *, auxiliary: bool = False) -> nn.Module:
    """The network of a run with its trained weights, in evaluation mode.

    With ``auxiliary`` it keeps the auxiliary head that it was trained with, and in training mode answers a pair: its logits
    and those of the head.
    """
    source, weights = _softcell.torch_of_run(run.path if isinstance(run, Run) else run, auxiliary)
    network, module = _made(source)
    network.load_state_dict(module.read_safetensors(weights))
    return network.eval()


def genotype_network(
    genotype: str | os.PathLike[str] | Run, *, classes: int | Sequence[str], channels: int = 3, layers: int = 20,
    init_channels: int = 36, image_size: int | tuple[int, int] = 32, stem: str = "auto", auxiliary: bool = False,
    mean: Sequence[float] | None = None, std: Sequence[float] | None = None,
) -> nn.Module:
    """The network of a genotype with fresh weights, drawn as PyTorch draws them, in training mode.

    Sizes are those of the paper's network for CIFAR-10 unless they are given.

    genotype: the text of one in any dialect, JSON, a file with it, a published name such as "DARTS_V2", or a run.
    classes: how many, or their names.
    channels, image_size: of the images; other sizes are taken as well, but for the ``auxiliary`` head, which is made for
        this one.
    layers, init_channels: cells, and channels of the first one's nodes.
    stem: "cifar", "imagenet" (three strided convolutions), or "auto": the latter from 96 pixels on.
    auxiliary: a second classifier at two thirds of the depth; in training mode the network answers a pair, its logits and
        those of this head, whose loss the paper adds with a weight of 0.4.
    mean, std: of pixels from 0 to 1, a number for each channel, by which bytes are normalised; 0 and 1 if left out.
    """
    if isinstance(genotype, Run):
        genotype = genotype.genotype
    sides = (image_size, image_size) if isinstance(image_size, int) else image_size
    for name, number in (("channels", channels), ("layers", layers), ("init_channels", init_channels),
                         ("image_size", min(sides)), ("classes", classes if isinstance(classes, int) else len(classes))):
        if number < 1:
            raise ValueError(f"{name} {number}: expected 1 or more")
    names = [str(i) for i in range(classes)] if isinstance(classes, int) else list(classes)
    around = {
        "classes": names, "image_shape": (channels, *sides), "init_channels": init_channels, "layers": layers,
        "stem": stem, "auxiliary": auxiliary, "mean": list(mean) if mean is not None else [0.0] * channels,
        "std": list(std) if std is not None else [1.0] * channels,
    }
    return _made(_softcell.torch_of_genotype(genotype_text(genotype), around))[0]


def _made(source: str) -> tuple[nn.Module, ModuleType]:
    """The network that a source describes, and the module of that source."""
    module = ModuleType("softcell.torch.network")
    # Where errors show the lines of the source.
    name = f"<softcell network {hash(source):x}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), module.__dict__)
    network = module.Network()
    network.source = source
    network.classes = module.CLASSES
    network.normalized = module.normalized
    return network, module
