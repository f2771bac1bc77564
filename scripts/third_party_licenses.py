#!/usr/bin/env python3
"""Prints the licences of all crates that the program for a target consists of, with the texts that they bring.

    scripts/third_party_licenses.py TARGET

Called by scripts/release: who gives a program away gives these along.
"""

import json
import pathlib
import subprocess
import sys

NAMES = ("license", "licence", "copying", "notice", "unlicense", "copyright")


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    target = sys.argv[1]
    # What is linked, with the features that are on: metadata alone has all that could be.
    tree = said(
        "cargo", "tree", "--locked", "--package", "softcell-cli", "--edges", "normal", "--target", target,
        "--prefix", "none", "--format", "{p}",
    )  # fmt: skip
    linked = {tuple(line.split()[:2]) for line in tree.splitlines()}
    metadata = json.loads(said("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target))
    chosen = [p for p in metadata["packages"] if (p["name"], f"v{p['version']}") in linked and p["source"]]
    print(f"Softcell contains {len(chosen)} crates by others, under these licences.\n")
    texts: dict[str, list[str]] = {}
    for package in sorted(chosen, key=lambda p: (p["name"], p["version"])):
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see its text below'}; {package['repository'] or 'no address given'}")
        for file in sorted(pathlib.Path(package["manifest_path"]).parent.iterdir()):
            if file.is_file() and file.name.lower().startswith(NAMES):
                texts.setdefault(file.read_text(errors="replace").strip(), []).append(f"{name}, {file.name}")
    for text, owners in texts.items():
        print(f"\n{'=' * 80}\n" + "\n".join(owners) + f"\n{'-' * 80}\n{text}")


if __name__ == "__main__":
    main()
