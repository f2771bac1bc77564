"""Genotypes: which operation reads which state in a derived cell, as plain data."""

import ast
from typing import NamedTuple


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
