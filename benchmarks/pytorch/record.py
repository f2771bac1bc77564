"""Records what this program computes, in the form of the recordings of the original implementation.

    python record.py operations --out operations.safetensors
    python record.py search --order second --layers 6 --out search.safetensors
    python record.py derived --genotype PDARTS --auxiliary --out derived.safetensors
    python record.py again FILE [--out same.safetensors]

State, images and targets are drawn from a seed, and run in float32 on one thread (on several, or on another
processor, the last bits may differ). `again` takes them from a recording instead and says how much of it has come out
the same; check_golden.py judges it.

Where a ReLU or a max pool decides otherwise with the last bit, gradients jump, and nobody can be compared with such
a recording. So each is run in float64 as well, and where the two differ by more than 1e-4 of a tensor's largest value
(for alphas: by more than a recording allows them), the next seed is taken.
"""

import argparse
import sys
from pathlib import Path

import torch

import genotypes
from cases import ALPHAS, given, run
from check_golden import LIMITS, compare, limit
from network import OPERATIONS, DerivedNetwork, Supernet, initial_alphas
from recording import read_recording, write_recording
from step import SearchSettings

PROGRAM = "softcell benchmarks/pytorch/record.py"


def draw_operations(args):
    """All operations, stride 1 and 2, with and without affine normalisation, each with its own state and images."""
    case, tensors = {"kind": "operations", "channels": args.channels, "cases": []}, {}
    for operation, build in OPERATIONS.items():
        for stride in (1, 2):
            for affine in ("plain", "affine"):
                name = f"{operation}.s{stride}.{affine}"
                case["cases"].append(name)
                module = build(args.channels, stride, affine == "affine")
                tensors |= {f"{name}.param.{key}": value for key, value in module.state_dict().items()}
                side = args.image_size
                tensors[f"{name}.input"] = torch.randn(args.batch_size, args.channels, side, side)
                side = -(-side // stride)
                tensors[f"{name}.grad_output"] = torch.randn(args.batch_size, args.channels, side, side)
    return case, tensors


def draw_search(args):
    """A supernet, alphas, and two batches per step."""
    settings = {key: getattr(SearchSettings(), key) for key in SearchSettings.__dataclass_fields__}
    case = {
        "kind": "search",
        "space": "darts",
        **{key: getattr(args, key) for key in ("init_channels", "layers", "nodes", "classes", "steps")},
        "unrolled": args.order == "second",
        **settings,
    }
    supernet = Supernet(args.init_channels, args.layers, args.nodes, args.classes)
    tensors = {f"init.{name}": tensor for name, tensor in supernet.state_dict().items()}
    tensors |= {f"init.{name}": alphas for name, alphas in zip(ALPHAS, initial_alphas(args.nodes))}
    for t in range(args.steps):
        for part in ("train", "valid"):
            tensors |= batch(args, f"step.{t}.{part}")
    return case, tensors | {"eval.input": batch(args, "eval")["eval.input"]}


def draw_derived(args):
    """The network of a genotype and one batch."""
    genotype = genotypes.parse(args.genotype)
    case = {
        "kind": "derived",
        "genotype": str(genotype),
        **{key: getattr(args, key) for key in ("init_channels", "layers", "classes", "auxiliary")},
        "auxiliary_weight": 0.4,
    }
    network = DerivedNetwork(genotype, args.init_channels, args.layers, args.classes, args.auxiliary)
    tensors = {f"init.{name}": tensor for name, tensor in network.state_dict().items()}
    return case, tensors | batch(args, "train")


DRAWS = {"operations": draw_operations, "search": draw_search, "derived": draw_derived}


def batch(args, prefix):
    """Random images and targets."""
    return {
        f"{prefix}.input": torch.randn(args.batch_size, 3, args.image_size, args.image_size),
        f"{prefix}.target": torch.randint(args.classes, (args.batch_size,)),
    }


def recorded(case, tensors):
    """The whole recording of a case: what is given, what comes out, and its facts in the case."""
    out, facts = run(case, tensors)
    made = {"torch": torch.__version__, "program": PROGRAM}
    return {**case, **facts, **made}, {**given(tensors, case["kind"]), **out}


def worst(case, tensors):
    """The group of tensors in which float64 departs furthest, in shares of what is allowed, and that share."""
    groups = compare(case, tensors, *run(case, tensors, torch.float64)).groups
    shares = {group: value / limit(group, torch.float64) for group, (value, _) in groups.items()}
    group = max(shares, key=shares.get)
    return group, shares[group]


def record(args):
    """Records the first seed on which float32 and float64 agree."""
    for seed in range(args.seed, args.seed + args.tries):
        torch.manual_seed(seed)
        case, tensors = DRAWS[args.what](args)
        case, tensors = recorded({**case, "seed": seed}, tensors)
        group, share = worst(case, tensors)
        if share <= 1.0:
            write_recording(args.out, tensors, case)
            print(f"{args.out}: {len(tensors)} tensors, from seed {seed}; {departure(group, share)}")
            return
        print(f"seed {seed}: {departure(group, share)}; taking the next")
    sys.exit(f"no recording: {args.tries} seeds were tried; make the network smaller, or the steps fewer")


def record_again(args):
    """Records what an existing recording was given, and compares."""
    before, claimed = read_recording(args.file)
    case, tensors = recorded(claimed, before)
    came_out = tensors.keys() - given(tensors, case["kind"]).keys()
    odd = sorted(tensors.keys() ^ before.keys())
    if odd:
        sys.exit(f"{args.file}: its names and those of this program differ in {len(odd)}: {odd[:5]}")
    for fact in ("genotype", "parameters"):
        if claimed.get(fact) != case.get(fact):
            print(f"{args.file}: {fact} is {claimed[fact]}; {case[fact]} came out")
    same = sum(torch.equal(tensors[name], before[name]) for name in came_out)
    print(f"{args.file}: {same} of {len(came_out)} tensors came out with the recorded bits")
    print(departure(*worst(case, tensors)))
    if args.out:
        write_recording(args.out, tensors, case)


def departure(group, share):
    return f"float64 departs most in {', '.join(group)}, by {share:.1e} of what is allowed"


def main():
    args = parse_arguments()
    torch.set_num_threads(1)
    record_again(args) if args.what == "again" else record(args)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="what", required=True)
    for name, about in [
        ("operations", "single operations"),
        ("search", "some steps of a search"),
        ("derived", "a pass through the network of a genotype"),
        ("again", "what an existing recording was given"),
    ]:
        kind = kinds.add_parser(name, help=about)
        kind.add_argument("--out", type=Path, required=name != "again")
        if name == "again":
            kind.add_argument("file", type=Path)
            continue
        kind.add_argument("--seed", type=int, default=0)
        kind.add_argument("--tries", type=int, default=20, help="seeds to look at")
        kind.add_argument("--batch-size", type=int, default=4)
        kind.add_argument("--image-size", type=int, default={"operations": 8, "search": 16, "derived": 32}[name])
        if name == "operations":
            kind.add_argument("--channels", type=int, default=4)
            continue
        kind.add_argument("--init-channels", type=int, default=4)
        kind.add_argument("--layers", type=int, default=4)
        kind.add_argument("--classes", type=int, default=10)
        if name == "search":
            kind.add_argument("--order", choices=["first", "second"], default="first")
            kind.add_argument("--nodes", type=int, default=4)
            kind.add_argument("--steps", type=int, default=4)
        else:
            kind.add_argument("--genotype", default="DARTS_V2", help="a known name, or the text Genotype(...)")
            kind.add_argument("--auxiliary", action="store_true", help="needs images of 32 pixels")
    return parser.parse_args()


if __name__ == "__main__":
    main()
