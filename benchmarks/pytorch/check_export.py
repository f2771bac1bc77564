"""Shows that exported networks compute in PyTorch what they compute in Softcell.

    python check_export.py FOLDER     (scripts/check-pytorch makes the folder)

For each NAME in the folder, what `NAME.answers` holds is compared with

- `NAME.py`, the PyTorch export, loaded as a module with every warning an error;
- the original's network, built from the metadata of `NAME.state`, the safetensors export, which it has to take with
  `strict=True`. The original knows images of three channels, even sizes at each reduction and two edges per node.

The measure is max|a−b| over all logits; the limit is 1e-4 · max(1, max|b|).
"""

import argparse
import importlib.util
import json
import sys
import warnings
from pathlib import Path

import torch
import torch.nn as nn

import genotypes
from check_golden import largest
from network import DerivedCell, DerivedNetwork, reduction_layers
from recording import read_safetensors

LIMIT = 1e-4


class AuxiliaryHeadImageNet(nn.Module):
    """The original's head for ImageNet, without a normalisation behind its second convolution."""

    def __init__(self, channels, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=2, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, classes)


class ImageNetNetwork(nn.Module):
    """The original's NetworkImageNet: three strided convolutions before the cells."""

    def __init__(self, genotype, init_channels, layers, classes, auxiliary):
        super().__init__()
        half = init_channels // 2
        self.stem0 = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, init_channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(init_channels),
        )
        self.stem1 = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(init_channels, init_channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(init_channels),
        )
        before_last = last = channels = init_channels
        previous_reduces, self.cells = True, nn.ModuleList()
        for layer in range(layers):
            reduces = layer in reduction_layers(layers)
            channels *= 2 if reduces else 1
            cell = DerivedCell(genotype, before_last, last, channels, reduces, previous_reduces)
            self.cells.append(cell)
            before_last, last, previous_reduces = last, len(cell.concat) * channels, reduces
            if layer == 2 * layers // 3 and auxiliary:
                self.auxiliary_head = AuxiliaryHeadImageNet(last, classes)
        self.classifier = nn.Linear(last, classes)

    def forward(self, x):
        s0 = self.stem0(x)
        s1 = self.stem1(s0)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, 0.0)
        return self.classifier(s1.mean((2, 3))), None


def exported(path):
    """The module of an exported Python file."""
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def original(path, image_shape):
    """The original's network with the exported weights; None where the original knows no such network."""
    state, metadata = read_safetensors(path)
    stem = metadata["stem"]
    divisor = 4 if stem == "cifar" else 32
    genotype = genotypes.parse(metadata["genotype"])
    flat = all(isinstance(pair, tuple) for pair in genotype.normal + genotype.reduce)
    if image_shape[0] != 3 or any(side % divisor for side in image_shape[1:]) or not flat:
        return None
    auxiliary = any(name.startswith("auxiliary_head") for name in state)
    build = DerivedNetwork if stem == "cifar" else ImageNetNetwork
    classes = len(json.loads(metadata["classes"]))
    network = build(genotype, int(metadata["init_channels"]), int(metadata["layers"]), classes, auxiliary)
    network.load_state_dict(state, strict=True)
    return network.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    passed, worst, compared = True, {"PyTorch file": 0.0, "original": 0.0}, {"PyTorch file": 0, "original": 0}
    print(f"{'network':<28} {'largest logit':>13} {'PyTorch file':>13} {'original':>13}")
    for path in sorted(args.folder.glob("*.answers")):
        answers, _ = read_safetensors(path)
        module = exported(path.with_suffix(".py"))
        images = module.normalized(answers["pixels"].to(torch.uint8))
        expected = answers["logits"]
        limit = LIMIT * max(1.0, expected.abs().max().item())
        figures = [f"{path.stem:<28} {expected.abs().max().item():13.3f}"]
        networks = {"PyTorch file": module.load()}
        networks["original"] = original(path.with_suffix(".state"), images.shape[1:])
        for name, network in networks.items():
            if network is None:
                figures.append(f"{'-':>13}")
                continue
            with torch.inference_mode():
                logits = network(images)
            deviation = largest(logits[0] if name == "original" else logits, expected)
            figures.append(f"{deviation:13.1e}")
            compared[name] += 1
            worst[name] = max(worst[name], deviation)
            passed &= deviation <= limit
        print(" ".join(figures), flush=True)
    for name, value in worst.items():
        print(f"{name}: {compared[name]} networks, at most {value:.1e}")
    print("all within 1e-4" if passed and compared["PyTorch file"] else "some are BEYOND 1e-4, or there are none")
    sys.exit(0 if passed and compared["PyTorch file"] else 1)


if __name__ == "__main__":
    main()
