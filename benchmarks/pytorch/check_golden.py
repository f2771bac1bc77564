"""Shows that this PyTorch program computes what the original computed.

    python check_golden.py ../../crates/softcell/tests/fixtures

Replays every recording (*.safetensors) of a folder in each mode, in float64 and in float32. The measure is
max|a−b| / max|b| per tensor, b being the recorded one (max|a−b| where b is zero throughout). Alphas after a
step, where Adam divides by tiny numbers, are measured by what the recordings allow them: max|a−b| as a share of
0.05 · learning rate · (step + 1).

float64 says whether the arithmetic is the original's: 1e-4 for every tensor. float32 is what is timed: 1e-3 for
every tensor that is one step away from a recorded state. Later steps in float32 are shown and not judged: a
rounding in the last bit can flip a ReLU or the winner of a max pool, and the search goes on from there.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import torch

import genotypes
from bench import MODES, prepared
from network import OPERATIONS, DerivedNetwork, Supernet
from step import SearchSettings, SearchStep, TrainStep, evaluate

LIMITS = {torch.float64: 1e-4, torch.float32: 1e-3}
FIRST, LATER = "first step", "later steps"
ALPHAS = "alphas, share of allowed"


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


def read_safetensors(path, dtype):
    """The tensors of a safetensors file, numbers as `dtype`, and its `case`."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    case = json.loads(header.pop("__metadata__")["case"])
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        stored = {"F32": torch.float32, "I64": torch.int64}[entry["dtype"]]
        tensor = torch.frombuffer(content[start:end], dtype=stored).reshape(entry["shape"])
        tensors[name] = tensor.to(dtype) if stored == torch.float32 else tensor
    return tensors, case


def under(tensors, prefix):
    """The tensors whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def in_format(images, mode):
    return images.contiguous(memory_format=torch.channels_last) if mode.channels_last else images


def loaded(network, state, dtype, mode):
    """The network with a recorded state. A weight that the recording lacks or does not fit is an error."""
    missing, unexpected = network.to(dtype).load_state_dict(state, strict=False)
    odd = [name for name in [*missing, *unexpected] if not name.endswith("num_batches_tracked")]
    if odd:
        raise ValueError(f"the recording and the network differ in {odd[:5]}")
    return prepared(network, mode)


def compare_state(deviations, network, expected, when):
    """Parameters and BN statistics of a network."""
    for name, tensor in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            deviations.add("state at the end", name, tensor, expected[name], when)


def compare_gradients(deviations, network, expected):
    for name, weight in network.named_parameters():
        deviations.add("weight gradients", name, weight.grad, expected[name])


def replay_operations(tensors, case, mode, dtype):
    """Every operation alone: output, gradient of the input, gradients of the parameters."""
    deviations = Deviations()
    for name in case["cases"]:
        operation, stride, affine = name.rsplit(".", 2)
        recorded = under(tensors, name + ".")
        module = OPERATIONS[operation](case["channels"], int(stride[1:]), affine == "affine")
        module = loaded(module, under(recorded, "param."), dtype, mode)
        x = in_format(recorded["input"], mode).requires_grad_()
        output = module(x)
        output.backward(recorded["grad_output"])
        deviations.add("output", name, output, recorded["output"])
        deviations.add("input gradients", name, x.grad, recorded["grad_input"])
        for key, weight in module.named_parameters():
            deviations.add("weight gradients", f"{name} {key}", weight.grad, recorded[f"grad.{key}"])
    return deviations


def replay_search(tensors, case, mode, dtype):
    """Some steps of a search: alphas and their gradients, logits, losses, the state at the end."""
    deviations = Deviations()
    settings = SearchSettings(**{key: case[key] for key in SearchSettings.__dataclass_fields__})
    initial = under(tensors, "init.")
    names = ("alphas_normal", "alphas_reduce")
    alphas = tuple(initial.pop(name).clone().requires_grad_() for name in names)
    supernet = Supernet(case["init_channels"], case["layers"], case["nodes"], case["classes"], mode.lean)
    supernet = loaded(supernet, initial, dtype, mode)
    step = SearchStep(supernet, alphas, "second" if case["unrolled"] else "first", settings, mode.lean)

    for t in range(case["steps"]):
        when = FIRST if t == 0 else LATER
        recorded = under(tensors, f"step.{t}.")
        train, valid = (
            (in_format(recorded[f"{part}.input"], mode), recorded[f"{part}.target"]) for part in ("train", "valid")
        )
        step.architecture_gradients(train, valid)
        for name, alpha in zip(names, alphas):
            deviations.add("alpha gradients", f"step {t} {name}", alpha.grad, recorded[f"grad.{name}"], when)
        step.arch_optimizer.step()
        allowed = 0.05 * settings.arch_learning_rate * (t + 1)
        for name, alpha in zip(names, alphas):
            deviations.add_alphas(f"step {t} {name}", alpha, recorded[name], allowed, when)

        logits, loss = step.weight_gradients(train)
        deviations.add("training logits", f"step {t}", logits, recorded["train.logits"], when)
        deviations.add("training loss", f"step {t}", loss, recorded["train.loss"], when)
        if t == 0:
            compare_gradients(deviations, supernet, under(recorded, "grad."))
        deviations.add("gradient norm", f"step {t}", step.weight_update(), recorded["train.grad_norm"], when)

    compare_state(deviations, supernet, under(tensors, "final."), LATER)
    supernet.eval()
    with torch.inference_mode():
        logits = supernet(in_format(tensors["eval.input"], mode), *alphas)
    deviations.add("evaluation logits", "after the last step", logits, tensors["eval.logits"], LATER)
    return deviations


def replay_derived(tensors, case, mode, dtype):
    """A derived network: logits, loss, gradients, BN statistics, evaluation."""
    deviations = Deviations()
    genotype = genotypes.parse(case["genotype"])
    network = DerivedNetwork(genotype, case["init_channels"], case["layers"], case["classes"], case["auxiliary"])
    network = loaded(network, under(tensors, "init."), dtype, mode)
    count = sum(weight.numel() for name, weight in network.named_parameters() if "auxiliary" not in name)
    deviations.add("number of parameters", "all", torch.tensor(count), torch.tensor(case["parameters"]))

    images = in_format(tensors["train.input"], mode)
    step = TrainStep(network, auxiliary_weight=case["auxiliary_weight"])
    logits, logits_auxiliary, loss = step.gradients((images, tensors["train.target"]))
    deviations.add("training logits", "main head", logits, tensors["train.logits"])
    if case["auxiliary"]:
        deviations.add("training logits", "auxiliary head", logits_auxiliary, tensors["train.logits_aux"])
    deviations.add("training loss", "loss", loss, tensors["train.loss"])
    compare_gradients(deviations, network, under(tensors, "grad."))
    compare_state(deviations, network, under(tensors, "final."), FIRST)
    deviations.add("evaluation logits", "logits", evaluate(network.eval(), images), tensors["eval.logits"])
    return deviations


REPLAYS = {"operations": replay_operations, "search": replay_search, "derived": replay_derived}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--modes", default="eager,channels-last,lean", help="comma-separated")
    parser.add_argument("--threads", type=int, default=1, help="the recordings were made on one")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    paths = sorted(args.folder.glob("*.safetensors"))
    if not paths:
        parser.error(f"no *.safetensors in {args.folder}")

    passed = True
    for mode in args.modes.split(","):
        for path in paths:
            replays = {}
            for dtype in LIMITS:
                tensors, case = read_safetensors(path, dtype)
                replays[dtype] = REPLAYS[case["kind"]](tensors, case, MODES[mode], dtype)
            passed &= report(f"{path.name}, {mode}", replays)
    print("\nall within their limits" if passed else "\nsome are BEYOND their limits")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
