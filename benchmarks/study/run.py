#!/usr/bin/env python3
"""The study of the default: what a given time is best spent on.

For every data set, time, variant and seed one `softcell fit`, and for every yardstick one call of `yardsticks.py`, one after
another: run nothing else beside it. What is there already is not done again, so that it can be stopped and go on.

    python3 benchmarks/study/run.py --data cifar=PATH:150 --budgets 1m,5m,20m --seeds 4 --out OUT
    python3 benchmarks/study/run.py --data digits=digits:0 --variants default,darts-v2 --yardsticks svc,forest --out OUT

With `--begin` each run is only begun: what a budget chooses (the network and its epochs, which are measured) is chosen on a
machine that does nothing else, and then the run is stopped. A call with `--jobs N` and the same folder goes on with all of
them, N side by side with a thread each, which takes longer by the clock, and gives the same bits as if each had gone on
alone: so the machine may do other things meanwhile. This is for variants whose time goes into a training alone.

`--data NAME=PATH:N` takes N images per class (0: all). The variants are below: flags of `softcell fit` beside data, time
and seed. Yardsticks are `NETWORK` or `NETWORK-WIDTH` of `yardsticks.py`, run with `--python`. Every run is a line of
`study.jsonl` in the folder (command, seed, accuracy, sizes, seconds, and what the selection says); `table.md` has means,
deviations, and the difference of each variant from the first one with its standard error.
"""

import argparse
import concurrent.futures
import itertools
import json
import pathlib
import shlex
import signal
import statistics
import subprocess
import sys
import threading
import time

VARIANTS = {
    "default": "",
    "plain-search": "--seeds 1 --random 0",
    "darts-v2": "--seeds 0 --also DARTS_V2",
    "biggest": "--seeds 0 --also biggest",
    "random": "--seeds 0 --random 1",
    "select": "--seeds 1 --random 4 --also DARTS_V2",
    "select-random": "--seeds 0 --random 8 --also DARTS_V2,biggest",
    "select-more": "--seeds 3 --random 8 --also DARTS_V2,biggest",
}
HERE = pathlib.Path(__file__).parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--softcell", default="target/release/softcell", help="the program")
    parser.add_argument("--python", default=sys.executable, help="the Python of the yardsticks")
    parser.add_argument("--data", required=True, action="append", help="NAME=PATH:IMAGES_PER_CLASS; several times")
    parser.add_argument("--budgets", default="1m,5m,20m,60m")
    parser.add_argument("--variants", default="default,darts-v2,random,select", help=", ".join(VARIANTS))
    parser.add_argument("--yardsticks", default="", help="such as resnet8-24,resnet20-16,svc")
    parser.add_argument("--seeds", type=int, default=4, help="seeds 1 to this")
    parser.add_argument("--flags", default="", help="further flags of every softcell fit")
    parser.add_argument("--begin", action="store_true", help="choose sizes and epochs, and stop")
    parser.add_argument("--jobs", type=int, help="go on with what --begin has chosen, so many side by side")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    return parser.parse_args()


def words(text: str) -> list[str]:
    """The words of a list separated by commas."""
    return [word for word in text.split(",") if word]


def fit(options, data, budget, variant, seed, folder) -> dict:
    """One run of softcell as a record."""
    _, path, images = data
    command = [options.softcell, "fit", "--quiet", "--data", path, "--budget", budget, "--seed", str(seed)]
    command += ["--images-per-class", str(images), "--out", str(folder), *shlex.split(VARIANTS[variant])]
    command += shlex.split(options.flags)
    command += ["--resume", "--threads", "1"] if options.jobs else ["--force"]
    begin = time.monotonic()
    if options.begin:
        return {"command": shlex.join(command)} | begun(command, folder)
    done = subprocess.run(command, capture_output=True, text=True)
    found = {"command": shlex.join(command), "wall_seconds": round(time.monotonic() - begin, 1)}
    if done.returncode:
        return found | {"error": done.stderr.strip()}
    result = json.loads((folder / "result.json").read_text())
    names = ["test_accuracy", "validation_accuracy", "parameters", "macs", "layers", "init_channels", "epochs_done"]
    names += ["search_seconds", "train_seconds", "genotype", "selection"]
    return found | {name: result.get(name) for name in names}


def begun(command: list[str], folder: pathlib.Path) -> dict:
    """Starts a run and stops it once its training is chosen and has begun."""
    budget = folder / "budget.json"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None:
            if budget.exists() and json.loads(budget.read_text())["training_chosen"]:
                run.send_signal(signal.SIGINT)
                run.wait()
                return {}
            time.sleep(0.2)
        return {"error": run.stderr.read().strip()}


def measure(options, data, budget, yardstick, seed, folder) -> dict:
    """One yardstick as a record."""
    _, path, images = data
    network, _, width = yardstick.partition("-")
    lines = folder.with_suffix(".yardstick.jsonl")
    lines.unlink(missing_ok=True)
    command = [options.python, str(HERE / "yardsticks.py"), "--data", path, "--network", network, "--seed", str(seed)]
    command += ["--images-per-class", str(images), "--out", str(lines)]
    plan = folder.with_suffix(".plan.json")
    if network.startswith("resnet") and options.jobs:
        command += ["--epochs", str(json.loads(plan.read_text())["epochs"]), "--threads", "1"]
    elif network.startswith("resnet"):
        command += ["--budget", budget]
    command += ["--width", width] if width else []
    begin = time.monotonic()
    if options.begin:
        if network.startswith("resnet"):
            done = subprocess.run([*command, "--only-plan"], capture_output=True, text=True, check=True)
            plan.write_text(done.stdout)
        return {"command": shlex.join(command)}
    done = subprocess.run(command, capture_output=True, text=True)
    found = {"command": shlex.join(command), "wall_seconds": round(time.monotonic() - begin, 1)}
    if done.returncode:
        return found | {"error": done.stderr.strip()}
    return json.loads(lines.read_text().splitlines()[-1]) | found


def table(records: list[dict]) -> str:
    """Means, deviations, and differences from the first variant of each data set and time."""
    lines = ["| data | time | what | runs | test accuracy | deviation | parameters | more than the first (SE) |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        groups.setdefault((record["name"], record["budget"], record["variant"]), []).append(record)
    first: dict[tuple, list[float]] = {}
    for (name, budget, variant), found in groups.items():
        scores = [100 * r["test_accuracy"] for r in found if "error" not in r]
        if not scores:
            lines.append(f"| {name} | {budget} | {variant} | 0 of {len(found)} | | | | |")
            continue
        deviation = statistics.stdev(scores) if len(scores) > 1 else None
        base = first.setdefault((name, budget), scores)
        compared = ""
        if base is not scores and len(scores) > 1 and len(base) > 1:
            error = (statistics.variance(scores) / len(scores) + statistics.variance(base) / len(base)) ** 0.5
            compared = f"{statistics.mean(scores) - statistics.mean(base):+.1f} ({error:.1f})"
        parameters = [r["parameters"] for r in found if r.get("parameters")]
        size = f"{statistics.mean(parameters):,.0f}" if parameters else ""
        spread = "" if deviation is None else f"{deviation:.1f}"
        mean = f"{statistics.mean(scores):.1f}"
        lines.append(f"| {name} | {budget} | {variant} | {len(scores)} | {mean} | {spread} | {size} | {compared} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "study.jsonl"
    records = [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []
    done = {(r["name"], r["budget"], r["variant"], r["seed"]) for r in records}
    lock = threading.Lock()

    def do(data, budget, seed, variant) -> None:
        name = data[0]
        folder = options.out / f"{name}-{budget}-{variant}-{seed}"
        one = fit if variant in VARIANTS else measure
        found = one(options, data, budget, variant, seed, folder)
        record = found | {"name": name, "budget": budget, "variant": variant, "seed": seed}
        with lock:
            print(name, budget, variant, seed, record.get("test_accuracy", record.get("error", "begun")), flush=True)
            if options.begin:
                return
            records.append(record)
            with store.open("a") as file:
                file.write(json.dumps(record) + "\n")
            (options.out / "table.md").write_text(table(records))

    with concurrent.futures.ThreadPoolExecutor(options.jobs or 1) as pool:
        work = []
        for given in options.data:
            name, _, rest = given.partition("=")
            path, _, images = rest.rpartition(":")
            for budget, seed in itertools.product(words(options.budgets), range(1, options.seeds + 1)):
                for variant in [*words(options.variants), *words(options.yardsticks)]:
                    if (name, budget, variant, seed) not in done:
                        work.append(pool.submit(do, (name, path, int(images)), budget, seed, variant))
        for one in work:
            one.result()


if __name__ == "__main__":
    main()
