"""Makes ten data sets as people have them out of a folder of images such as CIFAR-10 as files.

    python3 make.py CIFAR OUT [--only 1,2]

CIFAR holds train/<class>/*.jpg and test/<class>/*.jpg. Needs Pillow and NumPy. The same seed, the same files.
"""

import argparse
import csv
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def pictures(cifar, part, cls, n, start=0):
    files = sorted((Path(cifar) / part / cls).iterdir())
    return files[start : start + n]


def enlarged(path, width, height):
    """A photograph of another size and ratio: the picture enlarged, with a border that is more of it."""
    image = Image.open(path).convert("RGB")
    return image.resize((max(width, 1), max(height, 1)), Image.BICUBIC)


def save(image, path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix
    if kind == ".jpg" and rng.random() < 0.3:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.rotate(90, expand=True).save(path, quality=88, exif=exif)
    elif kind == ".jpg" and rng.random() < 0.1:
        image.convert("CMYK").save(path, quality=88)
    elif kind == ".png" and rng.random() < 0.3:
        image.quantize(128).save(path)
    elif kind == ".png" and rng.random() < 0.3:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(path)
    else:
        image.save(path)


def photos(cifar, out, rng):
    kinds = [".jpg", ".jpg", ".jpg", ".png", ".png", ".webp", ".bmp", ".gif", ".tiff"]
    for cls in ["cat", "ship"]:
        for i, file in enumerate(pictures(cifar, "train", cls, 88)):
            short, ratio = rng.randint(20, 300), rng.uniform(0.7, 1.5)
            size = (short, int(short * ratio)) if rng.random() < 0.5 else (int(short * ratio), short)
            save(enlarged(file, *[min(side, 400) for side in size]), out / cls / f"IMG_{i:04}{rng.choice(kinds)}", rng)


def xrays(cifar, out, rng):
    for cls, source in [("normal", "automobile"), ("opacity", "horse")]:
        for i, file in enumerate(pictures(cifar, "train", cls=source, n=150)):
            gray = np.asarray(enlarged(file, 160, 140).convert("L"), np.float64)
            values = (gray * 200 + rng.uniform(0, 2000) + 3000).clip(0, 65535).astype(np.uint16)
            path = out / cls / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)


def uneven(cifar, out, rng):
    for cls, source, n in [("common", "truck", 500), ("rare", "frog", 5)]:
        for i, file in enumerate(pictures(cifar, "train", source, n)):
            save(Image.open(file), out / cls / f"{i}.jpg", random.Random(1))


def many_classes(cifar, out, rng):
    names = sorted(path.name for path in (Path(cifar) / "train").iterdir())
    for k in range(200):
        # A class is a kind of picture in one of twenty tints.
        tint = np.array([rng.uniform(0.4, 1.6) for _ in range(3)])
        for i, file in enumerate(pictures(cifar, "train", names[k % 10], 12, start=12 * (k // 10))):
            values = (np.asarray(Image.open(file).convert("RGB")) * tint).clip(0, 255).astype(np.uint8)
            path = out / f"class_{k:03}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)


def empty_class(cifar, out, rng):
    for cls in ["bird", "deer", "dog"]:
        for file in pictures(cifar, "train", cls, 120):
            (out / cls).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, out / cls)
    (out / "unicorn").mkdir()
    (out / "bird" / "notes.txt").write_text("no image")


def given_parts(cifar, out, rng):
    for part, source, n, start in [("train", "train", 200, 0), ("val", "train", 40, 300), ("test", "test", 60, 0)]:
        for cls in ["airplane", "frog", "truck"]:
            place = out / part / cls
            place.mkdir(parents=True)
            for file in pictures(cifar, source, cls, n, start):
                shutil.copy(file, place)
    # What happens to people: some test images are in training too.
    for file in pictures(cifar, "test", "frog", 10):
        shutil.copy(file, out / "train" / "frog" / f"copy-{file.name}")


def table(cifar, out, rng):
    (out / "images").mkdir(parents=True)
    rows = []
    for cls in ["cat", "dog"]:
        for i, file in enumerate(pictures(cifar, "train", cls, 200)):
            shutil.copy(file, out / "images" / f"{cls}{i}.jpg")
            rows.append([f"images/{cls}{i}.jpg", cls, "", f"patient{rng.randrange(60)}"])
    rng.shuffle(rows)
    with open(out / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "class", "split", "group"], *rows])


def archive(cifar, out, rng):
    out.mkdir(parents=True)
    with zipfile.ZipFile(out / "photos.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for cls in ["automobile", "bird", "ship"]:
            for path in pictures(cifar, "train", cls, 150):
                file.write(path, f"photos/{cls}/{path.name}")


def large(cifar, out, rng):
    # 4,000 pictures of 320x320: 1.2 GB as bytes.
    for cls in ["cat", "dog", "horse", "ship"]:
        for i, file in enumerate(pictures(cifar, "train", cls, 1000)):
            path = out / cls / f"{i}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            enlarged(file, 320, 320).save(path, quality=80)


def scripts(cifar, out, rng):
    for cls, source in [("猫", "cat"), ("собака", "dog"), ("قارب", "ship"), ("grüne Frösche", "frog")]:
        for i, file in enumerate(pictures(cifar, "train", source, 100)):
            place = out / cls
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place / f"{cls} {i} ñ.jpg")


SETS = [photos, xrays, uneven, many_classes, empty_class, given_parts, table, archive, large, scripts]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cifar")
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    only = {int(n) for n in args.only.split(",") if n}
    for number, make in enumerate(SETS, 1):
        place = args.out / f"{number:02}-{make.__name__}"
        if (only and number not in only) or place.exists():
            continue
        make(args.cifar, place, random.Random(number))
        print(place)


if __name__ == "__main__":
    main()
