"""Exports small trained networks as ONNX and compares onnxruntime's answers with `softcell predict`'s.

Usage: check_onnx.py PROGRAM FOLDER, with a folder to work in. Called by check-onnx, which installs what it needs.
"""

import csv
import gzip
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

DIGITS = Path(__file__).resolve().parent.parent / "crates/softcell/assets/digits.csv.gz"
BATCHES = (1, 7, 64)
# Largest difference of a probability.
LIMIT = 1e-4
GUIDE = Path(__file__).resolve().parent.parent / "docs/export.md"
# Least share of images for which a file in whole numbers answers the class that the network does.
AGREEMENT = 0.95
# Odd sides meet the padding of the factorized reduce.
HEIGHT, WIDTH = 33, 41
COLOURS = {"blue": (30, 40, 200), "green": (40, 180, 60), "mixed": (120, 110, 110), "red": (210, 50, 40)}


def write_digits(folder):
    """All of the built-in digits, those of the test part among them, as image files."""
    folder.mkdir(parents=True)
    with gzip.open(DIGITS, "rt") as lines:
        for i, line in enumerate(csv.reader(lines)):
            values = np.array(line[:64], dtype=int).reshape(8, 8)
            Image.fromarray(((values * 255 + 8) // 16).astype(np.uint8)).save(folder / f"{i:04}.png")


def write_colours(folder):
    """Noise with a patch of the class's colour; 500 test images."""
    draw = np.random.default_rng(1)
    for part, count in (("train", 40), ("test", 125)):
        for name, colour in COLOURS.items():
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = draw.integers(0, 256, (HEIGHT, WIDTH, 3))
                row, column = draw.integers(0, HEIGHT - 20), draw.integers(0, WIDTH - 20)
                patch = pixels[row : row + 20, column : column + 20]
                patch[:] = (patch + 3 * np.array(colour)) // 4
                Image.fromarray(pixels.astype(np.uint8)).save(folder / part / name / f"{i:03}.png")


def images_of(folder):
    """The images below a folder by path, as [N, channels, height, width] of float32, 0 to 255."""
    paths = sorted(folder.rglob("*.png"))
    arrays = [np.asarray(Image.open(path), dtype=np.float32) for path in paths]
    arrays = [a[None] if a.ndim == 2 else a.transpose(2, 0, 1) for a in arrays]
    return [str(path) for path in paths], np.stack(arrays)


def check_file(path):
    """The format's own checks; that the shapes told for every value are those that follow from the nodes."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph.value_info
    inferred = {value.name: value.type for value in inferred}
    wrong = [value.name for value in model.graph.value_info if inferred[value.name] != value.type]
    assert not wrong, f"{path}: {wrong} have other shapes"
    norms = sum(node.op_type == "BatchNormalization" for node in model.graph.node)
    return len(model.graph.node), norms


def probabilities(session, images):
    """What onnxruntime answers, batch size by batch size."""
    meta = session.get_modelmeta().custom_metadata_map
    images = images * (json.loads(meta["input_range"])[1] / 255)
    for size in BATCHES:
        batches = [images[i : i + size].astype(np.float32) for i in range(0, len(images), size)]
        found = np.concatenate([session.run(None, {"image": batch})[0] for batch in batches]).astype(np.float64)
        if meta["output"] == "logits":
            found = np.exp(found - found.max(1, keepdims=True))
            found /= found.sum(1, keepdims=True)
        yield size, found


def fused_operators(path, folder):
    """How many nodes of each operator onnxruntime runs, after it has put those together that it can."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    # It says that the graph is for this machine alone.
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)


class Check:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder

    def softcell(self, *args):
        """What the program prints; it has to succeed."""
        done = subprocess.run([self.program, *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, f"softcell {args}: {done.stderr}"
        return done.stdout

    def expected(self, run, images, paths):
        """Probabilities of all classes as `softcell predict` has them, and the classes."""
        classes = json.loads((run / "manifest.json").read_text())["classes"]
        said = json.loads(self.softcell("predict", "--run", run, images, "--top", len(classes), "--json"))
        by_path = {answer["path"]: {c["class"]: c["probability"] for c in answer["top"]} for answer in said}
        assert sorted(by_path) == paths
        return np.array([[by_path[path][name] for name in classes] for path in paths]), classes

    def compare(self, run, images, *exports):
        paths, pixels = images_of(images)
        expected, classes = self.expected(run, images, paths)
        answered = len(set(expected.argmax(1)))
        assert answered > 1 and expected.std(0).max() > 0.01, "the network says the same of every image"
        for i, options in enumerate(exports):
            path = self.folder / f"{run.name}-{i}.onnx"
            self.softcell("export", "--run", run, "--format", "onnx", "--out", path, *options)
            nodes, norms = check_file(path)
            assert (norms > 0) == ("--no-fold" in options), f"{path}: {norms} normalisations"
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == classes
            for size, found in probabilities(session, pixels):
                assert found.shape == expected.shape
                deviation = np.abs(found - expected).max()
                same = (found.argmax(1) == expected.argmax(1)).mean()
                print(
                    f"{run.name:10} {' '.join(options) or '(defaults)':40} {nodes:4} nodes  {len(paths):5} images, "
                    f"batches of {size:2}: largest difference {deviation:.1e}, same class {same:.2%}"
                )
                assert deviation <= LIMIT, f"{path}: probabilities differ by {deviation}"

    def compare_int8(self, run, images, *options):
        """The file in whole numbers: all convolutions but the first run so, and it answers as the program measured."""
        paths, pixels = images_of(images)
        expected, classes = self.expected(run, images, paths)
        path = self.folder / f"{run.name}-int8.onnx"
        arguments = ("--format", "onnx", "--quantize", "int8", "--out", path, "--json", *options)
        told = json.loads(self.softcell("export", "--run", run, *arguments))
        quantization = told["quantization"]
        check_file(path)
        whole, every = quantization["convolutions"]
        ran = fused_operators(path, self.folder)
        assert (ran["QLinearConv"], ran["Conv"]) == (whole, every - whole), f"{path}: {ran}"
        assert ran["Add"] == ran["Relu"] == ran["LeakyRelu"] == 0, f"{path}: {ran}"
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        assert json.loads(session.get_modelmeta().custom_metadata_map["quantization"]) == quantization
        _, found = next(probabilities(session, pixels))
        same = (found.argmax(1) == expected.argmax(1)).mean()
        f32 = self.folder / f"{run.name}-0.onnx"
        text = f"{run.name:10} int8: {dict(ran)}, {path.stat().st_size / f32.stat().st_size:.0%} of the size, same class {same:.2%}"
        assert same >= AGREEMENT, text
        # Where the classes are folders, all images are test images.
        truth = [Path(path).parent.name for path in paths]
        if set(truth) == set(classes):
            right = np.array([classes.index(name) for name in truth])
            accuracy = (found.argmax(1) == right).mean()
            text += f", accuracy {accuracy:.2%} (told {quantization['accuracy']:.2%}, f32 {quantization['f32_accuracy']:.2%})"
            # onnxruntime rounds sums of whole numbers, the program's runtime those of numbers with a point.
            assert abs(accuracy - quantization["accuracy"]) <= 0.01, text
            assert abs((expected.argmax(1) == right).mean() - quantization["f32_accuracy"]) < 1e-9, text
        print(text)

    def compare_any_size(self, run, *options):
        """The file that resizes in the graph, on images of many sizes and kinds, beside `softcell predict`."""
        shape = json.loads((run / "manifest.json").read_text())["image_shape"]
        images = self.folder / f"{run.name}-sizes"
        images.mkdir()
        draw = np.random.default_rng(7)
        modes = ("RGB", "RGB", "L", "RGBA", "LA")
        for i in range(60):
            height, width = (int(side * draw.uniform(0.4, 6)) + 1 for side in shape[1:])
            # Smooth as photos are, with noise on it.
            small = Image.fromarray(draw.integers(0, 256, (5, 6, 4)).astype(np.uint8), "RGBA")
            pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
            noisy = np.clip(pixels + draw.integers(-20, 21, pixels.shape), 0, 255).astype(np.uint8)
            picture = Image.fromarray(noisy, "RGBA")
            mode = modes[i % len(modes)]
            picture.convert(mode).save(images / f"{i:02}.png")
        paths = sorted(map(str, images.glob("*.png")))
        expected, _ = self.expected(run, images, paths)
        for quantized in ((), ("--quantize", "int8", "--max-drop", "100")):
            path = self.folder / f"{run.name}-any{len(quantized)}.onnx"
            arguments = ("--format", "onnx", "--with-resize", "--softmax", "--out", path)
            self.softcell("export", "--run", run, *arguments, *options, *quantized)
            onnx.checker.check_model(onnx.load(path), full_check=True)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            found = []
            for image in paths:
                pixels = np.asarray(Image.open(image))
                pixels = pixels[..., None] if pixels.ndim == 2 else pixels
                found.append(session.run(None, {"picture": pixels})[0][0])
            deviations = np.abs(np.array(found) - expected).max(1)
            same = (np.array(found).argmax(1) == expected.argmax(1)).mean()
            print(
                f"{run.name:10} images of any size {' '.join(quantized)}: {len(paths)} images, largest difference "
                f"{deviations.max():.1e}, {(deviations > LIMIT).sum()} above {LIMIT:.0e}, same class {same:.2%}"
            )
            if not quantized:
                # Where a sum lies in the middle between two levels, one pixel may get the other one.
                assert (deviations <= LIMIT).mean() >= 0.95 and deviations.max() <= 0.01, f"{path}: {deviations}"

    def run_guide(self, run, image):
        """The Python examples of docs/export.md, as they stand there, on an image; they answer as `softcell predict`."""
        place = self.folder / "guide"
        place.mkdir()
        shutil.copy(image, place / "photo.png")
        for name, options in (("model.onnx", ()), ("any-size.onnx", ("--with-resize",))):
            self.softcell("export", "--run", run, "--format", "onnx", "--out", place / name, *options)
        said = json.loads(self.softcell("predict", "--run", run, place / "photo.png", "--json"))[0]["class"]
        examples = GUIDE.read_text().split("```python\n")[1:]
        assert len(examples) == 2, "two examples in Python"
        for example in examples:
            code = example.split("```")[0]
            done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
            assert done.stdout.strip() == said, f"{GUIDE} says {done.stdout} {done.stderr}, predict {said}"
        print(f"{GUIDE.name}: {len(examples)} examples answer {said}, as predict does")


def main():
    program, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve() / "files"
    shutil.rmtree(folder, ignore_errors=True)
    check = Check(program, folder)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}")

    write_digits(folder / "digits-png")
    run = folder / "digits"
    small = "--images-per-class 100 --nodes 2 --search-init-channels 4 --search-layers 3 --search-epochs 1"
    network = "--train-init-channels 8 --train-layers 5 --train-epochs 4 --auxiliary --batch-size 32"
    check.softcell("fit", "--out", run, *small.split(), *network.split())
    check.compare(run, folder / "digits-png", (), ("--no-fold",), ("--softmax", "--input-range", "1"))
    # Few images: a point of accuracy is three of them.
    check.compare_int8(run, folder / "digits-png", "--max-drop", "3")
    check.compare_any_size(run)

    data = folder / "colours-png"
    write_colours(data)
    # Between them the two cells have every operation but dilated convolutions.
    for name, genotype, stem, options in (
        ("colours", "AmoebaNet", "cifar", (("--input-range", "255"), ("--no-fold", "--softmax"))),
        ("large-stem", "NASNet", "imagenet", ((), ("--no-fold", "--input-range", "1"))),
    ):
        run = folder / name
        network = "--init-channels 4 --layers 3 --epochs 6 --batch-size 8"
        check.softcell(
            "train", "--genotype", genotype, "--data", data, "--stem", stem, "--out", run, *network.split()
        )
        check.compare(run, data / "test", *options)
        check.compare_int8(run, data / "test", "--max-drop", "3")
        check.compare_any_size(run)
    check.run_guide(folder / "colours", folder / "colours-sizes/00.png")


if __name__ == "__main__":
    main()
