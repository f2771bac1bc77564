"""Times PyTorch on one kind of work and prints one JSON object.

    python bench.py step --order second --mode channels-last --threads 2
    python bench.py train --genotype DARTS_V2
    python bench.py evaluate --genotype DARTS_V2

Images and targets are random, from a fixed seed, and stay the same from step to step.
"""

import argparse
import ctypes
import json
import resource
import statistics
import sys
import time
from dataclasses import dataclass

import torch

import genotypes
from network import DerivedNetwork, Supernet, initial_alphas
from step import SearchStep, TrainStep, evaluate


@dataclass(frozen=True)
class Mode:
    """How PyTorch is used: its memory format, whether work nobody reads is left out, whether it compiles."""

    channels_last: bool
    lean: bool
    compiled: bool


MODES = {
    # As the original is written.
    "eager": Mode(channels_last=False, lean=False, compiled=False),
    # The same program on channels-last tensors.
    "channels-last": Mode(channels_last=True, lean=False, compiled=False),
    # PyTorch at its best without compiling: no gradients that nobody reads, no `none`, sums in place,
    # and memory kept between steps instead of given back to the system and faulted in again.
    "lean": Mode(channels_last=True, lean=True, compiled=False),
    # The lean program through torch.compile. Compiling a supernet can take tens of minutes.
    "compile": Mode(channels_last=True, lean=True, compiled=True),
}


def main():
    memory_at_start = peak_rss_mb()
    args = parse_arguments()
    mode = MODES[args.mode]
    if mode.lean:
        keep_freed_memory()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    work = {"step": search_work, "train": train_work, "evaluate": evaluate_work}[args.work](args, mode)
    started = time.perf_counter()
    for _ in range(args.warmup):
        work()
    warmup_seconds = time.perf_counter() - started
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    seconds = [timed(work) for _ in range(args.steps)]
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults

    median = statistics.median(seconds)
    result = {
        "program": "pytorch",
        "version": torch.__version__,
        "work": args.work,
        "mode": args.mode,
        **{key: value for key, value in vars(args).items() if key not in ("work", "mode", "json")},
        "seconds_per_step": median,
        "seconds": seconds,
        "warmup_seconds": warmup_seconds,
        "images_per_second": args.batch_size / median,
        "peak_rss_mb": peak_rss_mb(),
        # What Python and the PyTorch libraries take before any work.
        "import_rss_mb": memory_at_start,
        "page_faults_per_step": faults / args.steps,
    }
    if args.json:
        print(json.dumps(result))
    else:
        print(f"{median:.3f} s per step, {result['images_per_second']:.1f} images/s, {result['peak_rss_mb']:.0f} MB")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="work", required=True)
    for name, about in [
        ("step", "one bilevel search step of the supernet"),
        ("train", "one training step of a derived network"),
        ("evaluate", "a forward pass of a derived network"),
    ]:
        kind = kinds.add_parser(name, help=about)
        search = name == "step"
        if search:
            kind.add_argument("--order", choices=["first", "second"], default="first")
            kind.add_argument("--nodes", type=int, default=4)
        else:
            kind.add_argument("--genotype", default="DARTS_V2", help="a known name, or the text Genotype(...)")
        if name == "train":
            kind.add_argument("--auxiliary", action=argparse.BooleanOptionalAction, default=True)
            kind.add_argument("--drop-path", type=float, default=0.2)
        kind.add_argument("--mode", choices=MODES, default="eager")
        kind.add_argument("--init-channels", type=int, default=16 if search else 36)
        kind.add_argument("--layers", type=int, default=8 if search else 20)
        kind.add_argument("--batch-size", type=int, default=64 if search else 96)
        kind.add_argument("--image-size", type=int, default=32)
        kind.add_argument("--classes", type=int, default=10)
        kind.add_argument("--threads", type=int, default=2)
        kind.add_argument("--steps", type=int, default=5)
        kind.add_argument("--warmup", type=int, default=2)
        kind.add_argument("--seed", type=int, default=0)
        kind.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.steps < 1:
        parser.error("--steps must be at least 1")
    if args.work == "step" and args.layers < 3:
        parser.error("--layers must be at least 3, or there is no normal cell whose alphas get a gradient")
    return args


def search_work(args, mode):
    """A callable that takes one bilevel step."""
    supernet = prepared(Supernet(args.init_channels, args.layers, args.nodes, args.classes, mode.lean), mode)
    step = SearchStep(supernet, initial_alphas(args.nodes), args.order, lean=mode.lean)
    if mode.compiled:
        for network in filter(None, (step.supernet, step.virtual)):
            network.compile()
    train, valid = random_batch(args, mode), random_batch(args, mode)
    return lambda: step.run(train, valid)


def train_work(args, mode):
    """A callable that takes one training step."""
    network = prepared(derived_network(args, args.auxiliary), mode)
    network.drop_path_probability = args.drop_path
    if mode.compiled:
        network.compile()
    step = TrainStep(network)
    batch = random_batch(args, mode)
    return lambda: step.run(batch)


def evaluate_work(args, mode):
    """A callable that evaluates one batch."""
    network = prepared(derived_network(args, auxiliary=False), mode)
    images, _ = random_batch(args, mode)
    settle(network, images)
    network.eval()
    if mode.compiled:
        network.compile()
    return lambda: evaluate(network, images)


def derived_network(args, auxiliary):
    genotype = genotypes.parse(args.genotype)
    return DerivedNetwork(genotype, args.init_channels, args.layers, args.classes, auxiliary)


def prepared(network, mode):
    """The network in the mode's memory format."""
    return network.to(memory_format=torch.channels_last) if mode.channels_last else network


@torch.no_grad()
def settle(network, images):
    """Gives the running statistics of every BN the batch's values.

    With those it is built with, the maps would fade from cell to cell until their numbers are denormal, with
    which processors work slowly.
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    usual = norms[0].momentum
    for norm in norms:
        norm.momentum = 1.0
    network(images)
    for norm in norms:
        norm.momentum = usual


def random_batch(args, mode):
    images = torch.randn(args.batch_size, 3, args.image_size, args.image_size)
    if mode.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    return images, torch.randint(args.classes, (args.batch_size,))


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def keep_freed_memory():
    """Tells glibc's allocator to keep freed memory: no mmap per tensor, no trimming of the heap."""
    if sys.platform == "linux":
        m_trim_threshold, m_mmap_max = -1, -4
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(m_mmap_max, 0)
            mallopt(m_trim_threshold, -1)


def peak_rss_mb():
    """The most memory this process has had resident, in MB (10^6 bytes)."""
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
