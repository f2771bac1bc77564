#!/usr/bin/env python3
"""Compares methods of search on the same data, with several seeds each.

For every space, method and seed: a search, then a training of the cell it derives, each on one thread. Where the guard
took an earlier cell than that of the last epoch, that of the last epoch is trained too: what the same search would give
unguarded. Told are the skip connections (and noise) of the normal cell over the epochs, the accuracies of the trained
cells on the test part, and the seconds. A method may be given with settings:
`darts:weights.weight_decay=0.0081,drop_path=0.2`.

    python3 benchmarks/methods/run.py --data photos --out /tmp/methods --spaces s2,s4 --methods "darts darts-minus" --seeds 4

What is there already is not done again; `--jobs` runs so many side by side. The result is `records.jsonl` and
`table.md` in the folder.
"""

import argparse
import concurrent.futures
import json
import math
import pathlib
import statistics
import subprocess
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--softcell", default="target/release/softcell", help="the program")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--spaces", default="darts", help="separated by commas; empty: as the flags of the search say")
    parser.add_argument("--methods", default="darts", help="separated by blanks")
    parser.add_argument("--seeds", type=int, default=4, help="seeds 1 to this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--search", default="", help="flags of every search")
    parser.add_argument("--train", default="", help="flags of every training; `none` trains nothing")
    return parser.parse_args()


def run(command):
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, time.monotonic() - begin, (done.stderr or done.stdout).strip()


def idle(genotype):
    """Skip connections and noise of the normal or only cell."""
    normal = genotype.split("reduce=")[0]
    return normal.count("skip_connect") + normal.count("noise")


def one(options, space, method, seed):
    """One search and training as a record; what is missing has the reason."""
    name, _, settings = method.partition(":")
    folder = options.out / f"{space or 'any'}-{method.replace(':', '-').replace('=', '').replace(',', '-')}-{seed}"
    record = folder / "measured.json"
    if record.exists():
        return json.loads(record.read_text())
    sets = [f"--set=search.method.{pair}" for pair in settings.split(",") if pair]
    command = [options.softcell, "search", "--quiet", "--force", "--data", options.data, "--out", str(folder)]
    command += ["--method", name, "--seed", str(seed), "--threads", "1"] + (["--space", space] if space else [])
    code, seconds, said = run(command + sets + options.search.split())
    found = {"space": space, "method": method, "seed": seed, "search_seconds": round(seconds, 1)}
    if code:
        return found | {"error": said}
    epochs = folder / "history.jsonl"  # none where the cell was drawn
    history = [json.loads(line) for line in epochs.read_text().splitlines()] if epochs.exists() else []
    found["idle"] = [idle(line["genotype"]) for line in history if "genotype" in line]
    found["genotype"] = (folder / "genotype.txt").read_text().strip()
    trained = {"": found["genotype"]}
    last = history[-1] if history else {}
    if "guard" in last and last["guard"]["taken"] != last["epoch"]:
        found["taken"] = last["guard"]["taken"]
        trained["last_"] = found["last_genotype"] = last["genotype"]
    for which, genotype in trained.items():
        if options.train == "none":
            break
        out = folder / f"{which}train"
        command = [options.softcell, "train", "--quiet", "--force", "--genotype", genotype, "--data", options.data]
        command += ["--out", str(out), "--seed", str(seed), "--threads", "1"]
        code, seconds, said = run(command + options.train.split())
        found["train_seconds"] = round(seconds, 1)
        if code:
            return found | {"error": said}
        result = json.loads((out / "result.json").read_text())
        found |= {f"{which}accuracy": result["test_accuracy"], f"{which}parameters": result["parameters"]}
    record.write_text(json.dumps(found))
    return found


def spread(values):
    """Mean and deviation of the values."""
    if not values:
        return "–"
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):.2f} ± {deviation:.2f}"


def gained(differences):
    """Mean of paired differences with its standard error, and whether it is beyond two of them."""
    if len(differences) < 2 or not any(differences):
        return "–"
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    mean = statistics.mean(differences)
    return f"{mean:+.2f}, SE {error:.2f}" + ("" if abs(mean) > 2 * error else ": not distinguishable")


def cells(records):
    """Every derived cell with its seed and seconds; of the guard's where it took an earlier one, and of the last epoch."""
    lines = ["| method | seed | search, s | cell | of epoch |", "|---|---|---|---|---|"]
    for record in sorted(records, key=lambda record: (record["method"], record["seed"])):
        start = f"| {record['method']} | {record['seed']} | {record['search_seconds']} |"
        if "error" in record:
            lines.append(f"{start} {record['error']} | |")
            continue
        taken = record.get("taken")
        lines.append(f"{start} `{record['genotype']}` | {'last' if taken is None else taken + 1} |")
        if taken is not None:
            lines.append(f"| | | | `{record.get('last_genotype', 'not kept')}` | last, unguarded |")
    return "\n".join(lines) + "\n"


def table(records):
    lines = [
        "| space | method | n | test accuracy, % | without the guard | gain by the guard | skips and noise, by thirds | search, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for space, method in dict.fromkeys((record["space"], record["method"]) for record in records):
        of = [record for record in records if (record["space"], record["method"]) == (space, method)]
        good = [record for record in of if "error" not in record]
        accuracy = spread([100 * record["accuracy"] for record in good if "accuracy" in record])
        last = [record.get("last_accuracy", record.get("accuracy")) for record in good]
        unguarded = spread([100 * value for value in last if value is not None])
        gain = gained([100 * (r["accuracy"] - value) for r, value in zip(good, last) if value is not None])
        at = lambda third: [r["idle"][len(r["idle"]) * third // 3 - 1] for r in good if r.get("idle")]
        thirds = " · ".join(" ".join(map(str, at(third))) for third in [1, 2, 3])
        seconds = spread([record["search_seconds"] for record in good])
        n = f"{len(good)} of {len(of)}"
        lines.append(f"| {space} | {method} | {n} | {accuracy} | {unguarded} | {gain} | {thirds} | {seconds} |")
    return "\n".join(lines) + "\n"


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    work = [
        (space, method, seed)
        for seed in range(1, options.seeds + 1)
        for space in options.spaces.split(",")
        for method in options.methods.split()
    ]
    records, begin = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for record in pool.map(lambda item: one(options, *item), work):
            records.append(record)
            print(json.dumps(record), flush=True)
            (options.out / "table.md").write_text(table(records) + "\n" + cells(records))
    (options.out / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    print(table(records) + f"\n{time.monotonic() - begin:.0f} s by the clock\n\n" + cells(records))


if __name__ == "__main__":
    main()
