"""Compares Softcell with PyTorch on this machine and writes a dated record.

    python3 benchmarks/compare.py                  # everything, three rounds
    python3 benchmarks/compare.py --work first --rounds 5
    python3 benchmarks/compare.py --quick          # tiny sizes: does it run at all?

Every figure comes from a fresh process. The programs take turns, A B C A B C …, so that whatever the machine does
meanwhile meets all of them. Needs the standard library only; PyTorch goes into a virtual environment of its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import record

ROOT = Path(__file__).resolve().parent.parent
SOFTCELL = "softcell"
PYTORCH_MODES = ("eager", "channels-last", "lean", "compile")
# A wheel for GPUs and its libraries while they are unpacked; a CPU index needs a tenth.
ROOM_FOR_PYTORCH = 10e9


@dataclass(frozen=True)
class Work:
    """What both sides are asked to do, and the ratios that are to be shown."""

    title: str
    arguments: str
    quick_arguments: str
    targets: record.Targets
    # What Softcell alone is asked for beside that.
    ours: str = ""


SEARCH = "--init-channels 16 --layers 8 --nodes 4 --batch-size 64 --image-size 32"
SEARCH_QUICK = "--init-channels 4 --layers 3 --nodes 2 --batch-size 4 --image-size 16"
SMALL = "step --order first --layers 3 --nodes 4 --batch-size 8 --image-size 8 --init-channels"
NETWORK = "--genotype DARTS_V2 --init-channels 36 --layers 20 --batch-size 96 --image-size 32"
NETWORK_QUICK = "--genotype DARTS_V2 --init-channels 4 --layers 5 --batch-size 4 --image-size 32"
WORKS = {
    "first": Work(
        "first-order search step",
        f"step --order first {SEARCH}",
        f"step --order first {SEARCH_QUICK}",
        record.Targets(fastest=8, eager=12, memory=5),
    ),
    "second": Work(
        "second-order search step",
        f"step --order second {SEARCH}",
        f"step --order second {SEARCH_QUICK}",
        record.Targets(fastest=6.5, eager=8, memory=5),
    ),
    "train": Work(
        "training step",
        f"train {NETWORK}",
        f"train {NETWORK_QUICK}",
        record.Targets(fastest=4, eager=4, memory=4),
    ),
    "train-recompute": Work(
        "training step, cells computed twice",
        f"train {NETWORK}",
        f"train {NETWORK_QUICK}",
        record.Targets(fastest=None, eager=None, memory=4),
        ours="--recompute",
    ),
    "evaluate": Work(
        "evaluation",
        f"evaluate {NETWORK}",
        f"evaluate {NETWORK_QUICK}",
        record.Targets(fastest=3.5, eager=3, memory=None),
    ),
    # Small work, to be run with --threads 1.
    **{
        f"small{channels}": Work(
            f"first-order search step, {channels} channels, 3 cells, 8 images of 8x8",
            f"{SMALL} {channels}",
            f"{SMALL} {channels}",
            record.NO_TARGETS,
        )
        for channels in (3, 16, 130)
    },
}
# What is compared unless something else is asked for.
USUAL = ["first", "second", "train", "evaluate"]


def main():
    args = parse_arguments()
    softcell = args.softcell.resolve()
    if SOFTCELL in args.programs and not softcell.is_file():
        sys.exit("no softcell binary: build it with `cargo build --release --locked`, or give --softcell PATH")
    python = None
    if set(args.programs) != {SOFTCELL}:
        python = python_with_torch(args.venv.resolve(), args.torch, args.index)

    load = record.load()
    if load is not None and load > 0.5:
        print(f"warning: load {load}: something else is at work here, and OpenMP collapses when it loses a core")
    comparison = record.Comparison(
        machine={**record.machine(), "load before": load},
        versions=versions(softcell, python, args.programs),
        settings={"rounds": args.rounds, "threads": args.threads, "steps": args.steps, "warmup": args.warmup},
        works={},
    )
    folder = ROOT / "target" / "benchmark-quick" if args.quick else ROOT / "benchmarks" / "records"
    path = record.new_path(folder, comparison.machine["cpu"])

    total, done = len(args.work) * args.rounds * len(args.programs), 0
    for name in args.work:
        work = WORKS[name]
        arguments = work.quick_arguments if args.quick else work.arguments
        measured = comparison.add(name, work.title, record.NO_TARGETS if args.quick else work.targets)
        for round_number in range(1, args.rounds + 1):
            for program in args.programs:
                done += 1
                print(f"[{done}/{total}] {name}, round {round_number}, {program}: ", end="", flush=True)
                asked = f"{arguments} {work.ours}".rstrip() if program == SOFTCELL else arguments
                shown, command = commands(program, asked, args, softcell, python)
                result = run(command, args.timeout)
                measured.add(program, shown, result)
                print(summary(result), flush=True)
                record.write(path, comparison, complete=done == total)

    print(f"\n{record.ratios_table(comparison)}\n\nwritten: {path.relative_to(ROOT)} and .json")
    sys.exit(1 if comparison.failures() else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=one_of(WORKS), default=USUAL, help=f"of {','.join(WORKS)}")
    parser.add_argument(
        "--programs",
        type=one_of((SOFTCELL, *PYTORCH_MODES)),
        default=[SOFTCELL, "eager", "channels-last", "lean"],
        help="who takes part: softcell and PyTorch's modes eager, channels-last, lean, compile",
    )
    parser.add_argument("--rounds", type=int, help="processes per program and work (3; with --quick 1)")
    parser.add_argument("--steps", type=int, help="timed steps per process (3; with --quick 2)")
    parser.add_argument("--warmup", type=int, default=1, help="steps before them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="tiny sizes; the record goes to target/benchmark-quick")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a process may take")
    parser.add_argument("--softcell", type=Path, default=ROOT / "target" / "release" / "softcell")
    parser.add_argument("--venv", type=Path, default=ROOT / "target" / "benchmark-venv", help="made if missing")
    parser.add_argument("--torch", default="torch==2.15.0", help="what to install where the venv has no PyTorch")
    parser.add_argument("--index", help="package index to install it from, such as one with CPU wheels")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 3)
    args.steps = args.steps or (2 if args.quick else 3)
    if min(args.rounds, args.steps, args.threads) < 1 or args.warmup < 0:
        parser.error("--rounds, --steps and --threads must be at least 1, --warmup at least 0")
    return args


def one_of(names):
    """A parser of a comma-separated choice."""

    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(names)}")
        return chosen

    return parse


def python_with_torch(folder, requirement, index):
    """The interpreter of a virtual environment that has PyTorch; makes and fills it where needed."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print("making a virtual environment for PyTorch", flush=True)
        venv.create(folder, with_pip=True)
    if torch_version(python) is None:
        if index is None and shutil.disk_usage(folder).free < ROOM_FOR_PYTORCH:
            sys.exit("too little room on the disk: PyTorch from the default index wants 10 GB; or give a CPU --index")
        print(f"installing {requirement}", flush=True)
        command = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", requirement, "numpy"]
        if index is not None:
            command += ["--index-url", index]
        if subprocess.run(command).returncode != 0 or torch_version(python) is None:
            sys.exit("PyTorch could not be installed: see above; --venv takes an environment that has it")
    return python


def torch_version(python):
    """What PyTorch an interpreter has; None without."""
    probe = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
    return probe.stdout.strip() if probe.returncode == 0 else None


def versions(softcell, python, programs):
    """The versions of all that takes part."""
    found = {}
    if SOFTCELL in programs:
        found["softcell"] = output([softcell, "--version"])
        found["commit"] = output(["git", "rev-parse", "--short", "HEAD"])
        if output(["git", "status", "--porcelain"]):
            found["commit"] += " with changes"
        found["rustc"] = output(["rustc", "--version"])
    if python is not None:
        found["pytorch"] = torch_version(python)
        found["python"] = output([python, "-c", "import platform; print(platform.python_version())"])
    return found


def output(command):
    """What a command prints; nothing where it does not exist or fails."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def commands(program, arguments, args, softcell, python):
    """A program's command as a reader would type it, and as it is run here."""
    options = f"--threads {args.threads} --steps {args.steps} --warmup {args.warmup} --json"
    if program == SOFTCELL:
        rest = f"bench {arguments} {options}".split()
        return " ".join(["softcell", *rest]), [softcell, *rest]
    rest = f"benchmarks/pytorch/bench.py {arguments} --mode {program} {options}".split()
    return " ".join(["python", *rest]), [python, *rest]


def run(command, timeout):
    """The JSON that a fresh process prints, with its whole duration; or `{"error": …}`."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    started = time.monotonic()
    try:
        process = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {timeout:.0f} s"}
    try:
        if process.returncode == 0:
            return {**json.loads(process.stdout), "process_seconds": time.monotonic() - started}
    except json.JSONDecodeError:
        pass
    last_words = (process.stderr or process.stdout).strip().splitlines()[-1:] or ["no output"]
    return {"error": f"exit status {process.returncode}: {last_words[0]}"}


def summary(result):
    if "error" in result:
        return f"FAILED, {result['error']}"
    return (
        f"{record.seconds(result['seconds_per_step'])} per step, {result['peak_rss_mb'] or 0:.0f} MB"
        f" (process: {result['process_seconds']:.0f} s)"
    )


if __name__ == "__main__":
    main()
