"""Records of a comparison: the machine, medians, ratios, and the two files that keep them."""

import datetime
import json
import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

SOFTCELL = "softcell"
# Compiling takes a time of its own, so it is shown and not what "fastest" means.
NOT_EAGER = ("compile",)
VECTORS = re.compile(r"^(sse4_2|avx.*|fma|f16c|amx.*|asimd|asimddp|neon|sve.*|sme|sme2.*)$")


@dataclass(frozen=True)
class Targets:
    """How many times faster than PyTorch's fastest eager mode and than its NCHW eager mode, and by what factor
    smaller than the fastest mode's peak memory. None: no target."""

    fastest: float | None
    eager: float | None
    memory: float | None


NO_TARGETS = Targets(None, None, None)


@dataclass
class Measured:
    """The runs of one kind of work."""

    title: str
    targets: Targets
    commands: dict = field(default_factory=dict)
    runs: dict = field(default_factory=dict)

    def add(self, program, command, result):
        self.commands[program] = command
        self.runs.setdefault(program, []).append(result)

    def good(self, program):
        return [run for run in self.runs.get(program, []) if "error" not in run]

    def median(self, program, key):
        """The median of a figure over the rounds; None where no run has it."""
        figures = [run[key] for run in self.good(program) if run.get(key) is not None]
        return median(figures) if figures else None

    def fastest(self):
        """PyTorch's fastest mode that does not compile."""
        times = {
            program: self.median(program, "seconds_per_step")
            for program in self.runs
            if program != SOFTCELL and program not in NOT_EAGER and self.good(program)
        }
        return min(times, key=times.get) if times else None

    def ratio(self, program, key):
        """A program's figure over Softcell's: of the medians, and the lowest and highest of single rounds."""
        ours, theirs = self.median(SOFTCELL, key), self.median(program, key)
        if not ours or not theirs:
            return None
        rounds = [
            b[key] / a[key]
            for a, b in zip(self.runs[SOFTCELL], self.runs[program])
            if "error" not in a and "error" not in b
        ]
        of = {"of_medians": theirs / ours}
        return {**of, "lowest": min(rounds), "highest": max(rounds)} if rounds else of

    def ratios(self):
        """`(key, against, target, ratio)`, the target None where there is none."""
        fastest, targets = self.fastest(), self.targets
        rows = [
            ("time against fastest", fastest, targets.fastest, "seconds_per_step"),
            ("time against eager", "eager", targets.eager, "seconds_per_step"),
            ("memory against fastest", fastest, targets.memory, "peak_rss_mb"),
        ]
        found = ((key, against, target, self.ratio(against, figure)) for key, against, target, figure in rows)
        return [row for row in found if row[3] is not None]


@dataclass
class Comparison:
    """All that one call of compare.py found."""

    machine: dict
    versions: dict
    settings: dict
    works: dict

    def add(self, name, title, targets):
        self.works[name] = Measured(title, targets)
        return self.works[name]

    def failures(self):
        return [
            (name, program, run["error"])
            for name, work in self.works.items()
            for program, runs in work.runs.items()
            for run in runs
            if "error" in run
        ]


# The machine


def machine():
    """The machine in words that say nothing of where it stands."""
    cpu, flags = processor()
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vector instructions": " ".join(sorted(flag for flag in flags if VECTORS.match(flag))) or "unknown",
        "memory GB": memory_gb(),
        "system": system(),
    }


def processor():
    """Model name and instruction sets."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), []
    entries = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    name = entries.get("model name") or platform.machine()
    return name, (entries.get("flags") or entries.get("Features") or "").split()


def memory_gb():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


def system():
    kernel = ".".join(platform.release().split(".")[:2])
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {kernel}, {platform.machine()}"
    except (OSError, KeyError, AttributeError):
        return f"{platform.system()} {kernel}, {platform.machine()}"


def load():
    """How many processes wanted a core in the last minute, where the system tells."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


# The files


def new_path(folder, cpu):
    """Where a record of today goes: never over an older one."""
    words = re.sub(r"\((r|tm|c)\)|\b(processor|cpu|with)\b|@.*", " ", cpu.lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", words)) or "unknown"
    stem = f"{datetime.date.today().isoformat()}-{slug}"
    path, number = folder / f"{stem}.md", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.md"
    return path


def write(path, comparison, complete):
    """Writes the record as Markdown, and beside it all runs as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown(comparison, complete))
    path.with_suffix(".json").write_text(json.dumps(as_data(comparison, complete), indent=1) + "\n")


def as_data(comparison, complete):
    works = {}
    for name, work in comparison.works.items():
        works[name] = {
            "title": work.title,
            "commands": work.commands,
            "medians": {
                program: {
                    key: work.median(program, key)
                    for key in ("seconds_per_step", "images_per_second", "gflops", "peak_rss_mb")
                }
                for program in work.runs
            },
            "ratios": [
                {"what": key, "against": against, "target": target, **ratio}
                for key, against, target, ratio in work.ratios()
            ],
            "runs": work.runs,
        }
    return {
        "date": datetime.date.today().isoformat(),
        "complete": complete,
        "machine": comparison.machine,
        "versions": comparison.versions,
        "settings": comparison.settings,
        "works": works,
    }


def markdown(comparison, complete):
    machine, settings = comparison.machine, comparison.settings
    parts = [
        f"# Softcell and PyTorch, {datetime.date.today().isoformat()}, {machine['cpu']}",
        "In each round every program runs once, in turn, as a fresh process that gives the median of its timed steps;"
        " what counts is the median of the rounds."
        f" Rounds: {settings['rounds']}. Steps timed: {settings['steps']}, after {settings['warmup']} to warm up."
        f" Threads: {settings['threads']}.",
    ]
    if not complete:
        parts.append("**Incomplete: the comparison was cut short.**")
    parts += ["## Ratios", ratios_table(comparison)]
    parts += ["Ratios above 1 are in Softcell's favour. Ranges are those of single rounds."]
    parts += ["## Machine", table(["", ""], list(machine.items()))]
    parts += ["## Versions", table(["", ""], list(comparison.versions.items()))]
    for name, work in comparison.works.items():
        parts += [f"## {work.title.capitalize()}", figures_table(work), commands_block(work)]
    failures = comparison.failures()
    if failures:
        parts += ["## Failures", table(["work", "program", "error"], failures)]
    return "\n\n".join(parts) + "\n"


def ratios_table(comparison):
    rows = []
    for work in comparison.works.values():
        for key, against, target, ratio in work.ratios():
            rows.append(
                [
                    work.title,
                    f"{key}, PyTorch {against}",
                    f"{ratio['of_medians']:.2f}×",
                    f"{ratio['lowest']:.2f}–{ratio['highest']:.2f}" if "lowest" in ratio else "",
                    "" if target is None else f"≥ {target}×",
                    "" if target is None else "met" if ratio["of_medians"] >= target else "not met",
                ]
            )
    return table(["work", "PyTorch / Softcell", "of medians", "range", "target", ""], rows) if rows else "None: one side only."


def figures_table(work):
    rows = []
    for program in work.runs:
        good = work.good(program)
        gflops = work.median(program, "gflops")
        rows.append(
            [
                program if program == SOFTCELL else f"PyTorch {program}",
                ", ".join(seconds(run["seconds_per_step"]) for run in good) or "failed",
                seconds(work.median(program, "seconds_per_step")),
                number(work.median(program, "images_per_second"), 1),
                number(gflops, 1),
                number(work.median(program, "peak_rss_mb"), 0),
                number(work.median(program, "import_rss_mb"), 0),
            ]
        )
    headings = ["program", "rounds", "per step", "images/s", "GFLOP/s", "peak MB", "of it, import MB"]
    return table(headings, rows)


def commands_block(work):
    return "\n".join(["```sh", *work.commands.values(), "```"])


def table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def seconds(value):
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"


def number(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"
