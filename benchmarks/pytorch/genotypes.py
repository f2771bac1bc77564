"""Genotypes: which operation reads which state in a derived cell, as plain data."""

import ast
from typing import NamedTuple

from network import PRIMITIVES


class Genotype(NamedTuple):
    """Per cell type: two `(operation, source state)` pairs per node, and the states that form the output."""

    normal: list
    normal_concat: list
    reduce: list
    reduce_concat: list


KNOWN = {
    "DARTS_V1": """Genotype(
        normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1),
                ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)],
        normal_concat=range(2, 6),
        reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0),
                ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)],
        reduce_concat=range(2, 6))""",
    "DARTS_V2": """Genotype(
        normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
                ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)],
        normal_concat=range(2, 6),
        reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1),
                ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)],
        reduce_concat=range(2, 6))""",
    "PDARTS": """Genotype(
        normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1),
                ('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)],
        normal_concat=range(2, 6),
        reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2),
                ('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)],
        reduce_concat=range(2, 6))""",
}


def parse(text):
    """The genotype that `text` names or spells out (`Genotype(normal=[...], ..., reduce_concat=range(2, 6))`)."""
    call = ast.parse(KNOWN.get(text, text).strip(), mode="eval").body
    if not isinstance(call, ast.Call):
        raise ValueError(f"unknown genotype {text!r}: give one of {', '.join(KNOWN)} or the text Genotype(...)")
    return Genotype(**{keyword.arg: _value(keyword.value) for keyword in call.keywords})


def _value(node):
    """A literal list, or the list of a `range(...)`."""
    if isinstance(node, ast.Call):
        return list(range(*map(ast.literal_eval, node.args)))
    return ast.literal_eval(node)


def derive(alphas_normal, alphas_reduce):
    """The genotype of alphas, as text: per node the two edges whose best operation weighs most, the strongest first.

    `none` takes its part of the softmax and is never chosen. Of equal weights the first counts.
    """
    cells = [_derive_cell(alphas) for alphas in (alphas_normal, alphas_reduce)]
    nodes = range(2, 2 + len(cells[0]) // 2)
    return str(Genotype(cells[0], nodes, cells[1], nodes))


def _derive_cell(alphas):
    operations = [k for k, name in enumerate(PRIMITIVES) if name != "none"]
    rows = alphas.detach().softmax(dim=-1).tolist()
    pairs, states = [], 2
    while rows:
        own, rows = rows[:states], rows[states:]
        best = [max(operations, key=row.__getitem__) for row in own]
        kept = sorted(range(states), key=lambda source: -own[source][best[source]])[:2]
        pairs += [(PRIMITIVES[best[source]], source) for source in kept]
        states += 1
    return pairs
