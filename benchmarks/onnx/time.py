"""How fast onnxruntime runs exported ONNX files on this machine's CPU.

Usage: time.py [--softcell PROGRAM] FILE... with the packages of scripts/check-onnx. The files take turns, so that what
else runs on the machine meets all of them; medians count, and the least time is what the machine can do. With a
program, Softcell's own network answers too, from the safetensors file beside each ONNX file.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import onnxruntime

ROUNDS = {1: 200, 64: 15}


def session(path, threads, alone):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if not alone:
        # Between the runs of one session the others run.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def own(softcell, path, threads):
    """Milliseconds for one image and images a second in batches of 64 of Softcell's network, from bytes to numbers."""
    weights = Path(path).with_suffix(".safetensors")
    if softcell is None or not weights.is_file():
        return
    command = [softcell, "bench", "export", weights, "--threads", str(threads), "--json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]
    latency, speed = found["latency_seconds"] * 1e3, found["images_per_second"]
    print(f"{threads} threads, Softcell: {latency:8.3f} ms for one image, {speed:8.0f} images/s in batches of 64  {weights}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--softcell", metavar="PROGRAM")
    args = parser.parse_args()
    print(f"onnxruntime {onnxruntime.__version__}")
    draw = np.random.default_rng(1)
    for threads in (1, 2):
        for path in args.files:
            own(args.softcell, path, threads)
        sessions = {path: session(path, threads, len(args.files) == 1) for path in args.files}
        for batch, rounds in ROUNDS.items():
            seconds = {path: [] for path in sessions}
            for turn in range(rounds + 2):
                for path, loaded in sessions.items():
                    shape = json.loads(loaded.get_modelmeta().custom_metadata_map["image_shape"])
                    images = draw.integers(0, 256, (batch, *shape)).astype(np.float32)
                    clock = time.perf_counter()
                    loaded.run(None, {"image": images})
                    if turn >= 2:
                        seconds[path].append(time.perf_counter() - clock)
            for path, times in seconds.items():
                median, least = statistics.median(times), min(times)
                print(
                    f"{threads} threads, batch {batch:2}: {median * 1e3:8.3f} ms (least {least * 1e3:8.3f}), "
                    f"{batch / median:8.0f} images/s (most {batch / least:8.0f})  {Path(path).stat().st_size:9,} bytes  {path}"
                )


if __name__ == "__main__":
    main()
