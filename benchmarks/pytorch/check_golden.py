"""Shows that this PyTorch program computes what the original computed.

    python check_golden.py ../../crates/softcell/tests/fixtures

Replays recordings, or every one (*.safetensors) of a folder, in each mode, in float64 and in float32. The measure is
max|a−b| / max|b| per tensor, b being the recorded one (max|a−b| where b is zero throughout). Alphas after a
step, where Adam divides by tiny numbers, are measured by what the recordings allow them: max|a−b| as a share of
0.05 · learning rate · (step + 1).

float64 says whether the arithmetic is the original's: 1e-4 for every tensor. float32 is what is timed: 1e-3 for
every tensor that is one step away from a recorded state. Later steps in float32 are shown and not judged: a
rounding in the last bit can flip a ReLU or the winner of a max pool, and the search goes on from there.
"""

import argparse
import re
import sys
from pathlib import Path

import torch

from cases import given, run
from recording import read_recording

LIMITS = {torch.float64: 1e-4, torch.float32: 1e-3}
FIRST, LATER = "first step", "later steps"
ALPHAS = "alphas, share of allowed"
# What the tensors of a recording are, by their names.
QUANTITIES = {
    "operations": [
        (r".*\.output", "output"),
        (r".*\.grad_input", "input gradients"),
        (r".*\.grad\..*", "weight gradients"),
    ],
    "search": [
        (r"step\.\d+\.grad\.alphas_.*", "alpha gradients"),
        (r"step\.\d+\.alphas_.*", ALPHAS),
        (r"step\.\d+\.train\.logits", "training logits"),
        (r"step\.\d+\.train\.loss", "training loss"),
        (r"step\.\d+\.train\.grad_norm", "gradient norm"),
        (r"step\.0\.grad\..*", "weight gradients"),
        (r"final\..*", "state at the end"),
        (r"eval\.logits", "evaluation logits"),
    ],
    "derived": [
        (r"train\.logits(_aux)?", "training logits"),
        (r"train\.loss", "training loss"),
        (r"grad\..*", "weight gradients"),
        (r"final\..*", "state at the end"),
        (r"eval\.logits", "evaluation logits"),
    ],
}


class Deviations:
    """The largest deviation of each group of tensors, a group being what is compared and when."""

    def __init__(self):
        self.groups = {}

    def add(self, what, name, got, expected, when=FIRST):
        scale = expected.abs().max().item() or 1.0
        self._keep((what, when), name, largest(got, expected) / scale)

    def add_alphas(self, name, got, expected, allowed, when):
        self._keep((ALPHAS, when), name, largest(got, expected) / allowed)

    def _keep(self, group, name, value):
        value = float("inf") if value != value else value
        if group not in self.groups or value > self.groups[group][0]:
            self.groups[group] = (value, name)


def largest(got, expected):
    return (got.detach() - expected).abs().max().item()


def limit(group, dtype):
    """What a group may deviate; None where it is not judged."""
    what, when = group
    if dtype == torch.float32 and when == LATER:
        return None
    return 1.0 if what == ALPHAS else LIMITS[dtype]


def report(title, replays):
    """Prints a recording's deviations in each precision. Returns whether all are within their limits."""
    print(f"\n{title:<50} {'float64':>9} {'float32':>9}")
    passed = True
    for group in replays[torch.float64].groups:
        figures, remarks = [], []
        for dtype, deviations in replays.items():
            value, name = deviations.groups[group]
            allowed = limit(group, dtype)
            figures.append(f"{value:9.1e}")
            if allowed is not None and value > allowed:
                passed = False
                remarks.append(f"BEYOND {allowed:.0e} in {dtype}: {name}")
            elif allowed is None:
                remarks.append("float32 not judged")
        print(f"  {', '.join(group):<48} {' '.join(figures)}  {'; '.join(remarks)}".rstrip())
    return passed


def group(kind, name):
    """What a tensor is and when it came out."""
    for pattern, what in QUANTITIES[kind]:
        if re.fullmatch(pattern, name):
            step = re.match(r"step\.(\d+)\.", name)
            later = int(step[1]) > 0 if step else kind == "search"
            return what, LATER if later else FIRST
    raise ValueError(f"no quantity of a recording of kind {kind}: {name}")


def compare(case, recorded, out, facts):
    """The deviations of what came out from what was recorded. What one of the two lacks is an error."""
    expected = {name: recorded[name] for name in recorded.keys() - given(recorded, case["kind"]).keys()}
    odd = sorted(expected.keys() ^ out.keys())
    odd = odd or [name for name, tensor in out.items() if tensor.shape != expected[name].shape]
    if odd:
        raise ValueError(f"the recording and the replay differ in {len(odd)} names or shapes: {odd[:5]}")
    deviations = Deviations()
    for name, tensor in out.items():
        what, when = group(case["kind"], name)
        if what == ALPHAS:
            allowed = 0.05 * case["arch_learning_rate"] * (int(name.split(".")[1]) + 1)
            deviations.add_alphas(name, tensor, expected[name], allowed, when)
        else:
            deviations.add(what, name, tensor, expected[name], when)
    for name, value in facts.items():
        differs = torch.tensor(float(str(value) != str(case[name])))
        deviations.add(name, name, differs, torch.tensor(0.0), LATER if case["kind"] == "search" else FIRST)
    return deviations


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="+", metavar="path", help="a recording, or a folder of them")
    parser.add_argument("--modes", default="eager,channels-last,lean", help="comma-separated")
    parser.add_argument("--threads", type=int, default=1, help="the recordings were made on one")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = [sorted(path.glob("*.safetensors")) if path.is_dir() else [path] for path in args.paths]
    paths = [path for paths in found for path in paths]
    if not paths:
        parser.error("no *.safetensors there")

    passed = True
    for mode in args.modes.split(","):
        for path in paths:
            recorded, case = read_recording(path)
            replays = {dtype: compare(case, recorded, *run(case, recorded, dtype, mode)) for dtype in LIMITS}
            passed &= report(f"{path.name}, {mode}", replays)
    print("\nall within their limits" if passed else "\nsome are BEYOND their limits")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
