"""What class weights and balanced sampling bring on a small made-up set of uneven classes.

    python3 benchmarks/uneven/run.py target/release/softcell [seeds]

Five classes of striped 12x12 images in much noise, 200, 100, 50, 20 and 8 of them to train on, 60 of each to test
on. Trains one small network with each setting and prints accuracy, balanced accuracy and macro-F1, in percent,
mean over the seeds. Needs Python alone.
"""

import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

SIDE = 12
TRAIN = [200, 100, 50, 20, 8]
TEST = 60
SETTINGS = {
    "nothing": ["--sampling", "shuffled", "--class-weights", "none"],
    "class weights": ["--sampling", "shuffled", "--class-weights", "balanced"],
    "balanced sampling": ["--sampling", "balanced", "--class-weights", "none"],
}


def image(rng, angle):
    """Stripes in a direction, at a random place and contrast, in noise."""
    phase, contrast = rng.uniform(0, 2 * math.pi), rng.uniform(20, 60)
    pixels = bytearray()
    for y in range(SIDE):
        for x in range(SIDE):
            wave = math.sin((x * math.cos(angle) + y * math.sin(angle)) * 1.6 + phase)
            pixels.append(max(0, min(255, round(128 + contrast * wave + rng.gauss(0, 40)))))
    return b"P5 %d %d 255\n" % (SIDE, SIDE) + bytes(pixels)


def make(folder, seed):
    rng = random.Random(seed)
    for part, counts in [("train", TRAIN), ("test", [TEST] * len(TRAIN))]:
        for nth, count in enumerate(counts):
            place = folder / part / f"class{nth}"
            place.mkdir(parents=True)
            for i in range(count):
                (place / f"{i:03}.pgm").write_bytes(image(rng, math.pi * nth / len(TRAIN)))


def main():
    program = str(Path(sys.argv[1]).resolve())
    seeds = range(1, 1 + (int(sys.argv[2]) if len(sys.argv) > 2 else 3))
    names = ["test_accuracy", "test_balanced_accuracy", "test_macro_f1"]
    sums = {setting: [0.0] * len(names) for setting in SETTINGS}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            make(folder / "images", seed)
            for nth, (setting, flags) in enumerate(SETTINGS.items()):
                out = folder / f"run-{nth}"
                command = [program, "train", "--genotype", "DARTS_V1", "--data", folder / "images", "--out", out,
                           "--init-channels", "8", "--layers", "3", "--epochs", "20", "--batch-size", "32",
                           "--duplicates", "ignore", "--flip", "false", "--seed", str(seed), "-q", *flags]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                result = json.loads((out / "result.json").read_text())
                sums[setting] = [a + 100 * result[name] for a, name in zip(sums[setting], names)]
    print(f"{'':18} accuracy  balanced  macro-F1   (mean of {len(seeds)} seeds)")
    for setting, values in sums.items():
        print(f"{setting:18} " + "  ".join(f"{value / len(seeds):8.2f}" for value in values))


if __name__ == "__main__":
    main()
