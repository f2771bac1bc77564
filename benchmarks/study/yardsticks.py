#!/usr/bin/env python3
"""Trains plain models on the images that softcell gets, in the time that softcell gets: the yardsticks of the study.

    python3 benchmarks/study/yardsticks.py --data CIFAR --network resnet8 --width 24 --budget 10m --out out.jsonl
    python3 benchmarks/study/yardsticks.py --data FASHION --network resnet20 --budget 30m --seed 2 --out out.jsonl
    python3 benchmarks/study/yardsticks.py --data digits --network svc --out out.jsonl

`--data` is a folder with train/CLASS/* and test/CLASS/*, a folder with the IDX files of MNIST or Fashion-MNIST, or
`digits`. The images are those of softcell with the same path, images_per_class and seed; `images.py` says how.

`resnet8` and `resnet20` are the networks of He et al. (2015) for CIFAR-10 in PyTorch on the CPU: SGD with momentum 0.9,
weight decay 5e-4, batches of 64, learning rate 0.1 falling to 0 along one cosine, step by step; random crop, mirroring
of colour images, cutout. All training images are trained on: nothing is chosen, the result is the test accuracy of the
last weights. With `--budget` a copy of the network is timed first, and as many epochs are trained as end, with the
evaluation, within the budget; reading and timing are beyond it, which favours the yardstick. It says if the budget was
exceeded.

`svc` (RBF kernel, C by 3-fold cross-validation on the training part) and `forest` (500 trees) are scikit-learn's on
pixels from 0 to 1. They take the time that they need.

Each call appends one JSON line to `--out`: command, seed, network, budget, epochs, parameters, test accuracy, seconds
(training and evaluation), threads and what else made the result. Needs Python 3.10 and NumPy; for the networks PyTorch,
for folders Pillow, for `svc`, `forest` and `digits` scikit-learn. Run nothing else beside it.
"""

import argparse
import copy
import json
import os
import pathlib
import re
import shlex
import sys
import time

BLOCKS = {"resnet8": 1, "resnet20": 3}
# Of the budget, what the training may take: an epoch is not always as fast as those that were timed.
PLANNED = 0.96
TIMED_EPOCHS = 2
TIMED_SHARE = 0.1
# Values of C, and the images of each class that choose among them: more would take hours.
C_GRID = [1.0, 3.0, 10.0, 30.0]
CHOOSING_PER_CLASS = 500
TREES = 500


def duration(text: str) -> float:
    """Seconds of 90s, 5m or 1.5h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a time such as 90s, 5m or 1.5h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder, or `digits`")
    parser.add_argument("--network", required=True, choices=[*BLOCKS, "svc", "forest"])
    parser.add_argument("--out", required=True, type=pathlib.Path, help="a line is appended to this file")
    parser.add_argument("--images-per-class", type=int, default=0, help="most training images of a class; 0 takes all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--split", type=pathlib.Path, help='of the digits: {"train": [...], "test": [...]}')
    how_long = parser.add_mutually_exclusive_group()
    how_long.add_argument("--budget", type=duration, help="such as 5m; a network needs this or --epochs")
    how_long.add_argument("--epochs", type=int)
    parser.add_argument("--only-plan", action="store_true", help="with --budget: print the epochs that it allows, and end")
    parser.add_argument("--width", type=int, default=16, help="channels of the first stage")
    parser.add_argument("--shortcut", choices=["projection", "pad"], default="projection", help="where maps shrink")
    parser.add_argument("--padding", type=int, help="of the random crop; else 4, 2 or 1 for a side of 32, 28 or 8")
    parser.add_argument("--cutout", type=int, help="side of the square; else half the image's, 0 for small gray ones")
    parser.add_argument("--flip", action=argparse.BooleanOptionalAction, help="else for colour images")
    parser.add_argument("--channels-last", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    if options.network in BLOCKS and options.budget is None and options.epochs is None:
        parser.error("a network needs --budget or --epochs")
    if options.epochs is not None and options.epochs < 1:
        parser.error("--epochs must be at least 1")
    return options


def network(options: argparse.Namespace, train, test) -> dict:
    """Trains a network; what came out."""
    import torch

    import resnet

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    torch.set_flush_denormal(True)
    channels, side = train.images.shape[1], min(train.images.shape[2:])
    # An eighth of the side; of 28 pixels 2.
    padding = options.padding if options.padding is not None else (2 if side == 28 else side // 8)
    cutout = options.cutout if options.cutout is not None else (0 if channels == 1 and side < 16 else side // 2)
    flip = options.flip if options.flip is not None else channels > 1
    variation = resnet.Variation(padding, flip, cutout)
    classes = int(train.labels.max()) + 1
    net = resnet.ResNet(BLOCKS[options.network], options.width, channels, classes, options.shortcut == "pad")

    def training(of: resnet.ResNet) -> resnet.Training:
        last = options.channels_last
        return resnet.Training(of, train.images, train.labels, variation, options.seed, channels_last=last)

    epochs, timed = options.epochs, None
    if epochs is None:
        trial = training(copy.deepcopy(net))
        timed = trial.seconds_per_epoch(TIMED_EPOCHS, TIMED_SHARE * options.budget)
        begin = time.monotonic()
        trial.accuracy(test.images, test.labels)
        evaluation = time.monotonic() - begin
        epochs = max(1, int((options.budget * PLANNED - evaluation) / timed))
        tell(f"{timed:.2f} s an epoch, {evaluation:.2f} s the evaluation: {epochs} epochs in {options.budget:.0f} s")
        if options.only_plan:
            print(json.dumps({"epochs": epochs, "timed_seconds_per_epoch": round(timed, 3)}))
            sys.exit()
    begin = time.monotonic()
    run = training(net)
    run.epochs(epochs, tell)
    accuracy = run.accuracy(test.images, test.labels)
    seconds = time.monotonic() - begin
    if options.budget and seconds > options.budget:
        tell(f"the budget of {options.budget:.0f} s was exceeded: {seconds:.0f} s")
    return {
        "width": options.width,
        "shortcut": options.shortcut,
        "epochs": epochs,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "test_accuracy": accuracy,
        "seconds": round(seconds, 2),
        "timed_seconds_per_epoch": timed and round(timed, 3),
        "padding": padding,
        "flip": flip,
        "cutout": cutout,
        "channels_last": options.channels_last,
        "version": f"torch {torch.__version__}",
    }


def classical(options: argparse.Namespace, train, test) -> dict:
    """Trains an SVC or a forest; what came out."""
    import sklearn
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.svm import SVC

    def flat(part):
        return part.images.reshape(len(part.labels), -1) / 255.0

    begin, chosen = time.monotonic(), {}
    if options.network == "svc":
        few = train.first(CHOOSING_PER_CLASS)
        folds = StratifiedKFold(3, shuffle=True, random_state=options.seed)
        model = SVC(kernel="rbf", gamma="scale", cache_size=1000)
        search = GridSearchCV(model, {"C": C_GRID}, cv=folds, n_jobs=options.threads, refit=False)
        search.fit(flat(few), few.labels)
        chosen = {"C": search.best_params_["C"], "cross_validation_accuracy": float(search.best_score_)}
        tell(f"C {chosen['C']:g} of {C_GRID}, by {len(few.labels)} images")
        model.set_params(C=chosen["C"])
    else:
        model = RandomForestClassifier(TREES, n_jobs=options.threads, random_state=options.seed)
    model.fit(flat(train), train.labels)
    accuracy = float(model.score(flat(test), test.labels))
    return {
        "epochs": None,
        "parameters": None,
        "test_accuracy": accuracy,
        "seconds": round(time.monotonic() - begin, 2),
        **chosen,
        "version": f"scikit-learn {sklearn.__version__}",
    }


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    options = arguments()
    # Libraries on OpenMP read it when they are imported.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import images

    begin = time.monotonic()
    train, test = images.read(options.data, options.images_per_class, options.seed, options.split)
    reading = time.monotonic() - begin
    tell(f"{len(train.labels)} images to train, {len(test.labels)} to test, of {train.images.shape[1:]}")
    work = network if options.network in BLOCKS else classical
    record = {
        "command": shlex.join(sys.argv),
        "seed": options.seed,
        "network": options.network,
        "budget_seconds": options.budget,
        **work(options, train, test),
        "threads": options.threads,
        "data": options.data,
        "images": [len(train.labels), len(test.labels)],
        "image_shape": list(train.images.shape[1:]),
        "reading_seconds": round(reading, 2),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a") as file:
        file.write(json.dumps(record) + "\n")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
