"""Divides images into training and test part as softcell does where the data have no test part.

Softcell shuffles the images of each class with a ChaCha stream whose key is a hash of the seed, a name and the class,
and takes the first of them (`data/split.rs`, `random.rs`). This is the same in Python, so that programs beside it can
test on the very same images: of the digits and of arrays without copies. It does not know groups, and copies of an
image are a group.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence

MASK = 0xFFFFFFFF
ROUNDS = 8


def rotated(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & MASK


def block(key: tuple[int, ...], counter: int) -> list[int]:
    """One block of ChaCha8: 16 words."""
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, counter & MASK, counter >> 32, 0, 0]
    words = list(start)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for left, right, by in [(a, d, 16), (c, b, 12), (a, d, 8), (c, b, 7)]:
            other = b if left == a else d
            words[left] = (words[left] + words[other]) & MASK
            words[right] = rotated(words[right] ^ words[left], by)

    for _ in range(ROUNDS // 2):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for a in range(4):
            quarter(a, 4 + (a + 1) % 4, 8 + (a + 2) % 4, 12 + (a + 3) % 4)
    return [(word + first) & MASK for word, first in zip(words, start)]


def stream(seed: int, name: str, counters: Sequence[int]) -> Iterator[int]:
    """Random words of 32 bits."""
    text = name.encode()
    hashed = struct.pack("<QQ", seed, len(text)) + text + b"".join(struct.pack("<Q", counter) for counter in counters)
    key = struct.unpack("<8I", hashlib.sha256(hashed).digest())
    counter = 0
    while True:
        yield from block(key, counter)
        counter += 1


def below(words: Iterator[int], bound: int) -> int:
    """A random number below `bound`, as the crate `rand` 0.10 draws it."""
    result, low = divmod(next(words) * bound, 1 << 32)
    if low > (1 << 32) - bound:
        result += low + (next(words) * bound >> 32) > MASK
    return result


def shuffled(items: Sequence[int], words: Iterator[int]) -> list[int]:
    """The items as the crate `rand` 0.10 shuffles them: several positions from one random number."""
    items = list(items)
    chunk, remaining = 0, 1
    for i in range(len(items)):
        remaining -= 1
        if remaining < 0:
            bound, after = i + 1, i + 2
            while bound * after <= MASK:
                bound, after = bound * after, after + 1
            chunk, remaining = below(words, bound), after - (i + 1) - 1
        index = chunk
        if remaining > 0:
            chunk, index = divmod(chunk, i + 1)
        items[i], items[index] = items[index], items[i]
    return items


def divided(
    labels: Sequence[int], fraction: float, seed: int, name: str = "split/test", kept: int = 3
) -> tuple[list[int], list[int]]:
    """Indices (left, taken): of each class the share `fraction` is taken, and at least `kept` are left."""
    taken = []
    for label in sorted(set(labels)):
        members = [i for i, other in enumerate(labels) if other == label]
        share = max(1, int(len(members) * fraction + 0.5))
        share = min(share, max(0, len(members) - kept))
        taken += shuffled(members, stream(seed, name, [label]))[:share]
    return sorted(set(range(len(labels))) - set(taken)), sorted(taken)
