#!/usr/bin/env python3
"""How well short trainings rank cells: Kendall's tau of each rung of a selection with the full training.

    python3 benchmarks/study/ranking.py --data CIFAR --images-per-class 150 --random 12 \\
        --also DARTS_V1,DARTS_V2,PDARTS,PC_DARTS_cifar --rung 5x8x8x2 --rung 5x8x16x2 --full 8x16x40x1 --out OUT

A size is CELLSxCHANNELSxEPOCHSxTRAININGS. Every training goes to the end of its own cosine. The cells are random ones,
drawn as a selection draws them, and published ones. For each rung the table has tau with the test accuracy of the full
training for what a selection sees, the accuracy on its validation images, and for the accuracy on the test images, which
leaves out the noise of few validation images. What is there already is not done again, so that it can be stopped and go
on. Trainings have fixed lengths: their result does not depend on what else the machine does. Needs SciPy.
"""

import argparse
import concurrent.futures
import itertools
import json
import pathlib
import shlex
import statistics
import subprocess

from scipy.stats import kendalltau


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--softcell", default="target/release/softcell", help="the program")
    parser.add_argument("--data", required=True)
    parser.add_argument("--images-per-class", default="0")
    parser.add_argument("--random", type=int, default=12, help="random cells")
    parser.add_argument("--also", default="DARTS_V1,DARTS_V2,PDARTS,PC_DARTS_cifar", help="published cells")
    parser.add_argument("--rung", action="append", required=True, help="CELLSxCHANNELSxEPOCHSxTRAININGS; several times")
    parser.add_argument("--full", required=True, help="the same, of the full training")
    parser.add_argument("--seed", default="2")
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side, with one thread each")
    parser.add_argument("--flags", default="", help="further flags of every training")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    return parser.parse_args()


def draw(options, index: int) -> str:
    """The file of a random cell."""
    folder = options.out / f"random-{index}"
    text = folder / "genotype.txt"
    if not text.exists():
        command = [options.softcell, "search", "--quiet", "--force", "--method", "random", "--data", options.data]
        command += ["--images-per-class", options.images_per_class, "--seed", options.seed, "--repeat", str(index)]
        subprocess.run([*command, "--out", str(folder)], check=True, capture_output=True)
    return str(text)


def train(options, cell: tuple[str, str], size: str, training: int) -> dict:
    """One training as a record."""
    (name, genotype), (layers, channels, epochs, _) = cell, size.split("x")
    folder = options.out / f"{name}_{size}_{training}"
    result = folder / "result.json"
    command = [options.softcell, "train", "--quiet", "--force", "--threads", "1", "--genotype", genotype]
    command += ["--data", options.data, "--images-per-class", options.images_per_class, "--seed", options.seed]
    command += ["--repeat", str(training), "--layers", layers, "--init-channels", channels, "--epochs", epochs]
    command += [*shlex.split(options.flags), "--out", str(folder)]
    if not result.exists():
        subprocess.run(command, check=True, capture_output=True)
    found = json.loads(result.read_text())
    names = ["test_accuracy", "validation_accuracy", "parameters", "macs", "train_seconds"]
    return {"cell": name, "size": size, "training": training, "command": shlex.join(command)} | {
        name: found[name] for name in names
    }


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    cells = [(f"random-{i}", draw(options, i)) for i in range(1, options.random + 1)]
    cells += [(name, name) for name in options.also.split(",") if name]
    sizes = [*options.rung, options.full]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        work = [
            pool.submit(train, options, cell, size, training)
            for size in sizes
            for cell, training in itertools.product(cells, range(1, 1 + int(size.split("x")[3])))
        ]
        records = [one.result() for one in work]
    (options.out / "ranking.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    def of(name: str, size: str, what: str) -> float:
        return statistics.mean(r[what] for r in records if (r["cell"], r["size"]) == (name, size))

    names = [name for name, _ in cells]
    truth = [of(name, options.full, "test_accuracy") for name in names]
    print("| size | tau of validation | p | tau of test | p | spread of test accuracy, % | seconds a cell |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        seen, test = ([of(name, size, what) for name in names] for what in ("validation_accuracy", "test_accuracy"))
        of_seen, of_test = kendalltau(seen, truth), kendalltau(test, truth)
        trainings = int(size.split("x")[3])
        seconds = statistics.mean(of(name, size, "train_seconds") for name in names) * trainings
        cost = f"{100 * statistics.stdev(test):.1f} | {seconds:.0f} |"
        print(f"| {size} | {of_seen[0]:.2f} | {of_seen[1]:.3f} | {of_test[0]:.2f} | {of_test[1]:.3f} | {cost}")
    print("\n| cell | parameters |" + "".join(f" {size}: validation, test |" for size in sizes))
    print("|---|---|" + "---|" * len(sizes))
    for name in sorted(names, key=lambda name: -of(name, options.full, "test_accuracy")):
        scores = [
            f" {100 * of(name, size, 'validation_accuracy'):.1f}, {100 * of(name, size, 'test_accuracy'):.1f} |"
            for size in sizes
        ]
        print(f"| {name} | {of(name, options.full, 'parameters'):,.0f} |" + "".join(scores))


if __name__ == "__main__":
    main()
