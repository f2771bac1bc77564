"""The networks of DARTS in PyTorch: operations, supernet, derived network.

Attribute names follow the original's state dict, so that a recording of the original loads as it is.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

PRIMITIVES = [
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]


# Operations


class Zero(nn.Module):
    """x · 0, at the stride's resolution."""

    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return x.mul(0.0)


class FactorizedReduce(nn.Module):
    """Halves the map: ReLU, two strided 1x1 convolutions one pixel apart, concatenated, BN."""

    def __init__(self, channels_in, channels_out, affine):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv_1 = nn.Conv2d(channels_in, channels_out // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(channels_in, channels_out // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, affine=affine)

    def forward(self, x):
        x = self.relu(x)
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], dim=1))


class Steps(nn.Module):
    """Layers in sequence, under the name `op`."""

    def __init__(self, *layers):
        super().__init__()
        self.op = nn.Sequential(*layers)

    def forward(self, x):
        return self.op(x)


def relu_conv_bn(channels_in, channels_out, affine):
    """ReLU, 1x1 convolution, BN: the preprocessing of a state."""
    convolution = nn.Conv2d(channels_in, channels_out, 1, bias=False)
    return Steps(nn.ReLU(), convolution, nn.BatchNorm2d(channels_out, affine=affine))


def depthwise_layers(channels, kernel, stride, dilation, affine):
    """ReLU, depthwise convolution, pointwise convolution, BN."""
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def sep_conv(kernel):
    """Depthwise-separable convolution, applied twice; only the first is strided."""

    def build(channels, stride, affine):
        first = depthwise_layers(channels, kernel, stride, 1, affine)
        return Steps(*first, *depthwise_layers(channels, kernel, 1, 1, affine))

    return build


def dil_conv(kernel):
    """Dilated depthwise-separable convolution."""
    return lambda channels, stride, affine: Steps(*depthwise_layers(channels, kernel, stride, 2, affine))


def conv_7x1_1x7(channels, stride, affine):
    """ReLU, 1x7 and 7x1 convolution, BN."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
        nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    )


def skip(channels, stride, affine):
    """Identity, or a factorized reduction where the edge is strided."""
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)


OPERATIONS = {
    "none": lambda channels, stride, affine: Zero(stride),
    "max_pool_3x3": lambda channels, stride, affine: nn.MaxPool2d(3, stride, 1),
    "avg_pool_3x3": lambda channels, stride, affine: nn.AvgPool2d(3, stride, 1, count_include_pad=False),
    "skip_connect": skip,
    "sep_conv_3x3": sep_conv(3),
    "sep_conv_5x5": sep_conv(5),
    "sep_conv_7x7": sep_conv(7),
    "dil_conv_3x3": dil_conv(3),
    "dil_conv_5x5": dil_conv(5),
    "conv_7x1_1x7": conv_7x1_1x7,
}


# What both networks share


def stem(channels):
    return nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))


def preprocessing(before_last, last, channels, previous_reduces, affine):
    """The two modules that bring a cell's input states to its width and resolution."""
    if previous_reduces:
        first = FactorizedReduce(before_last, channels, affine)
    else:
        first = relu_conv_bn(before_last, channels, affine)
    return first, relu_conv_bn(last, channels, affine)


def reduction_layers(layers):
    """The places of the reduction cells: one and two thirds of the depth."""
    return {layers // 3, 2 * layers // 3}


def build_cells(build, init_channels, layers, width):
    """Cells in sequence, each told the widths before it; also the width at the end.

    `build(before_last, last, channels, reduces, previous_reduces)` makes a cell, `width(cell)` is how many
    nodes it concatenates.
    """
    before_last = last = 3 * init_channels
    channels, previous_reduces, cells = init_channels, False, nn.ModuleList()
    for layer in range(layers):
        reduces = layer in reduction_layers(layers)
        channels *= 2 if reduces else 1
        cells.append(build(before_last, last, channels, reduces, previous_reduces))
        before_last, last, previous_reduces = last, width(cells[-1]) * channels, reduces
    return cells, last


# Supernet


class MixedOp(nn.Module):
    """All operations of an edge, summed with the edge's weights. Every BN is without affine parameters."""

    def __init__(self, channels, stride, lean):
        super().__init__()
        self.lean = lean
        self._ops = nn.ModuleList()
        for name in PRIMITIVES:
            operation = OPERATIONS[name](channels, stride, False)
            if "pool" in name:
                operation = nn.Sequential(operation, nn.BatchNorm2d(channels, affine=False))
            self._ops.append(operation)

    def forward(self, x, weights):
        if not self.lean:
            return sum(weight * operation(x) for weight, operation in zip(weights, self._ops))
        # Without `none`, which adds zeros and gets no gradient, and without a new tensor per term.
        total = weights[1] * self._ops[1](x)
        for weight, operation in zip(weights[2:], self._ops[2:]):
            total.add_(weight * operation(x))
        return total


class SearchCell(nn.Module):
    """A cell with a mixed operation on every edge; edges in the order of their target, then their source."""

    def __init__(self, nodes, before_last, last, channels, reduces, previous_reduces, lean):
        super().__init__()
        self.reduces = reduces
        self.lean = lean
        self.nodes = nodes
        self.preprocess0, self.preprocess1 = preprocessing(before_last, last, channels, previous_reduces, False)
        self._ops = nn.ModuleList(
            MixedOp(channels, 2 if reduces and source < 2 else 1, lean)
            for node in range(nodes)
            for source in range(node + 2)
        )

    def forward(self, s0, s1, weights):
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        edges = iter(zip(self._ops, weights))
        for _ in range(self.nodes):
            terms = (operation(state, row) for state, (operation, row) in zip(states, edges))
            if self.lean:
                total = next(terms)
                for term in terms:
                    total.add_(term)
            else:
                total = sum(terms)
            states.append(total)
        return torch.cat(states[2:], dim=1)


class Supernet(nn.Module):
    """The network that is searched. The alphas are arguments, not parameters.

    `lean` leaves out work that changes no result: see MixedOp.
    """

    def __init__(self, init_channels, layers, nodes, classes, lean=False):
        super().__init__()
        self.stem = stem(3 * init_channels)
        self.cells, last = build_cells(
            lambda *shape: SearchCell(nodes, *shape, lean), init_channels, layers, lambda cell: nodes
        )
        self.classifier = nn.Linear(last, classes)

    def forward(self, x, alphas_normal, alphas_reduce):
        normal = [row.unbind() for row in F.softmax(alphas_normal, dim=-1).unbind()]
        reduce = [row.unbind() for row in F.softmax(alphas_reduce, dim=-1).unbind()]
        s0 = s1 = self.stem(x)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, reduce if cell.reduces else normal)
        return self.classifier(F.adaptive_avg_pool2d(s1, 1).flatten(1))


def initial_alphas(nodes):
    """Alphas of both cell types, 1e-3 · N(0, 1): [edges, operations] each."""
    edges = nodes * (nodes + 3) // 2
    return tuple((1e-3 * torch.randn(edges, len(PRIMITIVES))).requires_grad_() for _ in range(2))


# Derived network


def drop_path(x, probability):
    """Drops whole samples and scales the others, in place."""
    keep = 1.0 - probability
    mask = torch.empty(x.size(0), 1, 1, 1).bernoulli_(keep)
    return x.div_(keep).mul_(mask)


class DerivedCell(nn.Module):
    """A cell with the two operations per node that its genotype names. BN is affine."""

    def __init__(self, genotype, before_last, last, channels, reduces, previous_reduces):
        super().__init__()
        pairs = genotype.reduce if reduces else genotype.normal
        self.concat = genotype.reduce_concat if reduces else genotype.normal_concat
        self.sources = [source for _, source in pairs]
        self.preprocess0, self.preprocess1 = preprocessing(before_last, last, channels, previous_reduces, True)
        self._ops = nn.ModuleList(
            OPERATIONS[name](channels, 2 if reduces and source < 2 else 1, True) for name, source in pairs
        )

    def forward(self, s0, s1, drop_probability):
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        for first in range(0, len(self._ops), 2):
            left, right = (self._branch(states, k, drop_probability) for k in (first, first + 1))
            states.append(left + right)
        return torch.cat([states[i] for i in self.concat], dim=1)

    def _branch(self, states, k, drop_probability):
        operation = self._ops[k]
        result = operation(states[self.sources[k]])
        if self.training and drop_probability > 0 and not isinstance(operation, nn.Identity):
            result = drop_path(result, drop_probability)
        return result


class AuxiliaryHead(nn.Module):
    """A second classifier on an 8x8 map, for training only."""

    def __init__(self, channels, classes):
        super().__init__()
        self.features = nn.Sequential(
            # In place: whatever else reads this state begins with a ReLU too.
            nn.ReLU(inplace=True),
            nn.AvgPool2d(5, stride=3, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class DerivedNetwork(nn.Module):
    """The network built from a genotype. Returns logits, and the auxiliary head's in training mode (else None)."""

    def __init__(self, genotype, init_channels, layers, classes, auxiliary):
        super().__init__()
        self.drop_path_probability = 0.0
        self.auxiliary_layer = 2 * layers // 3
        self.stem = stem(3 * init_channels)
        self.cells, last = build_cells(
            lambda *shape: DerivedCell(genotype, *shape), init_channels, layers, lambda cell: len(cell.concat)
        )
        if auxiliary:
            cell = self.cells[self.auxiliary_layer]
            channels = len(cell.concat) * cell.preprocess1.op[1].out_channels
            self.auxiliary_head = AuxiliaryHead(channels, classes)
        else:
            self.auxiliary_head = None
        self.classifier = nn.Linear(last, classes)

    def forward(self, x):
        logits_auxiliary = None
        s0 = s1 = self.stem(x)
        for layer, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1, self.drop_path_probability)
            if layer == self.auxiliary_layer and self.training and self.auxiliary_head is not None:
                logits_auxiliary = self.auxiliary_head(s1)
        return self.classifier(F.adaptive_avg_pool2d(s1, 1).flatten(1)), logits_auxiliary
