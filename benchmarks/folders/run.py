"""Inspects, fits, predicts and evaluates the data sets of make.py; prints a table.

    python3 run.py DATA --softcell ../../target/release/softcell [--only 1,2] [--budget 3m] [--threads 2] [--out RUNS]

Time, and the largest resident memory of the program, are those of `fit`. Test images of a set are those that `fit`
keeps apart. What the program said is kept beside the runs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

# Fewer bytes in memory than the decoded images of set 9 take.
MORE = {9: ["--memory", "50M"]}


def run(command, log):
    begun = time.monotonic()
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - begun, usage.ru_maxrss / 1024


def path_of(folder):
    for name in ["labels.csv", "photos.zip"]:
        if (folder / name).exists():
            return folder / name
    return folder


def one(softcell, number, folder, out, budget, threads):
    data, place = path_of(folder), out / folder.name
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    code, seconds, _ = run([softcell, "data", "inspect", data], logs / f"{number:02}-inspect.txt")
    row = {"set": folder.name, "inspect": f"{seconds:.1f} s" if code == 0 else f"exit {code}"}
    fit = [softcell, "fit", "--data", data, "--out", place, "--budget", budget, "--force", *MORE.get(number, [])]
    fit += ["--threads", threads] if threads else []
    code, seconds, memory = run(fit, logs / f"{number:02}-fit.txt")
    row |= {"fit": f"{seconds:.0f} s", "memory": f"{memory:.0f} MB"}
    if code != 0:
        return row | {"size": f"exit {code}"}
    manifest = json.loads((place / "manifest.json").read_text())
    result = json.loads((place / "result.json").read_text())
    _, height, width = manifest["image_shape"]
    row |= {"size": f"{height}x{width}, {result['layers']} cells from {result['init_channels']}"}
    evaluated = subprocess.run([softcell, "evaluate", "--run", place, "--json"], capture_output=True, text=True)
    scores = json.loads(evaluated.stdout) if evaluated.returncode == 0 else {}
    for key in ["test_accuracy", "test_balanced_accuracy", "test_macro_f1"]:
        row[key] = f"{100 * scores[key]:.1f} %" if key in scores else "-"
    row["test images"] = str(scores.get("test_images", "-"))
    # An archive is no folder of images to answer for: those of the first set do.
    images = data if data.is_dir() else folder if (folder / "images").is_dir() else folder.parent / "01-photos"
    predict = [softcell, "predict", "--run", place, "--format", "csv", "--force", "--out", logs / f"{number:02}.csv", images]
    code, _, _ = run(predict, logs / f"{number:02}-predict.txt")
    row["predict"] = "all" if code == 0 else f"exit {code}"
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--softcell", default="softcell")
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--threads", default="")
    parser.add_argument("--out", type=Path, default=Path("runs-folders"))
    args = parser.parse_args()
    only = {int(n) for n in args.only.split(",") if n}
    rows = []
    for folder in sorted(args.data.iterdir()):
        number = int(folder.name[:2])
        if not only or number in only:
            rows.append(one(args.softcell, number, folder, args.out, args.budget, args.threads))
            print(rows[-1], file=sys.stderr)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row.get(column, "-") for column in columns) + " |")


if __name__ == "__main__":
    main()
