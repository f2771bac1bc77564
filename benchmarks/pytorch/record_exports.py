"""Records what exported sources answer in PyTorch.

    python record_exports.py FOLDER [--check]

For each NAME.py in the folder, with weights and images of the formula that `crates/softcell/tests/pytorch.rs` has as well,
writes NAME.json: `logits` of the network in evaluation mode, and, where the source is one for training, in `training` its
logits in that mode and those of its auxiliary head. With --check it compares them with the file that is there.
"""

import argparse
import importlib.util
import json
import math
import sys
from pathlib import Path

import torch

IMAGES = 4
LIMIT = 1e-5


def module_of(path):
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def formula(network):
    """Weights of the formula, in the order of their names."""
    state = network.state_dict()
    names = sorted(name for name in state if not name.endswith("num_batches_tracked"))
    for i, name in enumerate(names):
        shape = state[name].shape
        waves = torch.tensor([math.sin(31 * i + 17 * j) for j in range(state[name].numel())], dtype=torch.float64)
        if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            values = 1 + 0.5 * waves
        elif len(shape) == 1:
            values = 0.2 * waves
        else:
            values = 2 * waves / math.sqrt(math.prod(shape[1:]))
        state[name] = values.float().reshape(shape)
    network.load_state_dict(state)


def answers(path):
    module = module_of(path)
    network = module.Network()
    formula(network)
    shape = (IMAGES, module.CHANNELS, module.HEIGHT, module.WIDTH)
    pixels = [(i * i * 7 + i // 3 * 31) % 256 for i in range(math.prod(shape))]
    pixels = torch.tensor(pixels, dtype=torch.uint8).reshape(shape)
    with torch.inference_mode():
        found = {"logits": network.eval()(pixels).tolist(), "training": []}
        if hasattr(network, "drop_path_prob"):
            trained = network.train()(pixels)
            found["training"] = [logits.tolist() for logits in (trained if isinstance(trained, tuple) else (trained,))]
    return found


def deviation(found, recorded):
    pairs = zip([found["logits"], *found["training"]], [recorded["logits"], *recorded["training"]], strict=True)
    return max(
        (torch.tensor(a) - torch.tensor(b)).abs().max().item() / max(1.0, torch.tensor(b).abs().max().item()) for a, b in pairs
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    failed = False
    for path in sorted(args.folder.glob("*.py")):
        found, place = answers(path), path.with_suffix(".json")
        if args.check:
            largest = deviation(found, json.loads(place.read_text(encoding="utf-8")))
            failed |= largest > LIMIT
            print(f"{path.stem:<28} differs from what was recorded by {largest:.1e}")
        else:
            place.write_text(json.dumps(found) + "\n", encoding="utf-8")
            print(f"{place}: recorded with PyTorch {torch.__version__}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
