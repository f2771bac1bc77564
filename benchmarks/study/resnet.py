"""The residual networks for small images of He et al. (2015), and one training of them.

`Training` holds the images as bytes and varies them in whole batches: crop with black padding, mirroring, cutout,
normalised. What is drawn depends on the seed alone.
"""

import dataclasses
import math
import time

import numpy
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions beside a shortcut.

    Where the block shrinks the map, the shortcut is a 1x1 convolution, or (`pad`) every other pixel with zeros as
    further channels, which has no weights.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, pad: bool):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs
        self.shortcut = None
        if stride > 1 and not pad:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = functional.relu(self.first_norm(self.first(x)))
        out = self.second_norm(self.second(out))
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.stride > 1:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return functional.relu(out + x)


class ResNet(nn.Module):
    """Three stages of `blocks` blocks; the width doubles from stage to stage."""

    def __init__(self, blocks: int, width: int, channels: int, classes: int, pad: bool):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        stages, inputs = [], width
        for stage in range(3):
            for i in range(blocks):
                outputs = width << stage
                stages.append(Block(inputs, outputs, 2 if stage > 0 and i == 0 else 1, pad))
                inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.stages(self.stem(x)).mean((2, 3)))


@dataclasses.dataclass(frozen=True)
class Variation:
    """How training images are varied; 0 leaves a thing out."""

    padding: int
    flip: bool
    cutout: int


def statistics(images: numpy.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each channel, from counts of its 256 values: no copy of the images as numbers."""
    found = []
    for channel in range(images.shape[1]):
        parts = numpy.array_split(images[:, channel], len(images) // 1000 + 1)
        counts = sum(numpy.bincount(part.ravel(), minlength=256) for part in parts)
        mean = numpy.average(numpy.arange(256), weights=counts)
        variance = numpy.average((numpy.arange(256) - mean) ** 2, weights=counts)
        found.append((mean, max(1.0, variance**0.5)))
    mean, deviation = torch.tensor(found, dtype=torch.float32).T
    return mean.view(1, -1, 1, 1), deviation.view(1, -1, 1, 1)


class Training:
    """A network, its images and its optimizer."""

    def __init__(
        self,
        network: ResNet,
        images: numpy.ndarray,
        labels: numpy.ndarray,
        variation: Variation,
        seed: int,
        batch: int = 64,
        rate: float = 0.1,
        channels_last: bool = True,
    ):
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.format)
        self.variation, self.batch, self.rate = variation, batch, rate
        self.generator = torch.Generator().manual_seed(seed)
        self.mean, self.deviation = statistics(images)
        self.labels = torch.from_numpy(labels)
        self.side = images.shape[2:]
        edge = (variation.padding, variation.padding)
        padded = torch.from_numpy(numpy.pad(images, ((0, 0), (0, 0), edge, edge)))
        # Every crop of every image as a view: image, channel, from row, from column, row, column.
        self.crops = padded.unfold(2, self.side[0], 1).unfold(3, self.side[1], 1)
        self.optimizer = torch.optim.SGD(network.parameters(), rate, momentum=0.9, weight_decay=5e-4)

    @property
    def steps_per_epoch(self) -> int:
        """The last images of an epoch are left out where they don't fill a batch, unless there is only one."""
        return max(1, len(self.labels) // self.batch)

    def normalized(self, images: torch.Tensor) -> torch.Tensor:
        return ((images.float() - self.mean) / self.deviation).contiguous(memory_format=self.format)

    def draw(self, most: int, count: int) -> torch.Tensor:
        """Whole numbers from 0 up to, but without `most`."""
        return torch.randint(most, (count,), generator=self.generator)

    def varied(self, indices: torch.Tensor) -> torch.Tensor:
        """A batch of training images."""
        count, (height, width) = len(indices), self.side
        shifts = 2 * self.variation.padding + 1
        images = self.crops[indices, :, self.draw(shifts, count), self.draw(shifts, count)]
        if self.variation.flip:
            mirrored = self.draw(2, count).bool().view(-1, 1, 1, 1)
            images = torch.where(mirrored, images.flip(3), images)
        images = self.normalized(images)
        if self.variation.cutout:
            half = self.variation.cutout // 2
            inside = []
            for length, shape in [(height, (count, 1, height, 1)), (width, (count, 1, 1, width))]:
                away = torch.arange(length) - self.draw(length, count).view(-1, 1)
                inside.append(((away >= -half) & (away < half)).view(shape))
            images = images.masked_fill(inside[0] & inside[1], 0.0)
        return images

    def step(self, indices: torch.Tensor) -> torch.Tensor:
        loss = functional.cross_entropy(self.network(self.varied(indices)), self.labels[indices])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def epochs(self, count: int, say=lambda line: None) -> None:
        """Exactly one cosine from the learning rate to 0."""
        total, done = count * self.steps_per_epoch, 0
        self.network.train()
        for epoch in range(count):
            begin, losses = time.monotonic(), torch.zeros(())
            order = torch.randperm(len(self.labels), generator=self.generator)
            for i in range(self.steps_per_epoch):
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate * (1 + math.cos(math.pi * done / total)) / 2
                losses += self.step(order[i * self.batch : (i + 1) * self.batch])
                done += 1
            loss = losses.item() / self.steps_per_epoch
            say(f"epoch {epoch + 1} of {count}: loss {loss:.4f}, {time.monotonic() - begin:.1f} s")

    def seconds_per_epoch(self, epochs: int, at_most: float) -> float:
        """Seconds of a warm epoch, from so many epochs or, where those take long, from `at_most` seconds.

        Changes the weights: for a network that isn't trained on.
        """
        self.network.train()
        steps, warm = epochs * self.steps_per_epoch, 5
        self.optimizer.param_groups[0]["lr"] = self.rate / 10
        begin, done = time.monotonic(), 0
        for i in range(warm + steps):
            if i == warm:
                begin = time.monotonic()
            self.step(self.draw(len(self.labels), min(self.batch, len(self.labels))))
            done = i + 1 - warm
            if done >= 20 and time.monotonic() - begin > at_most:
                break
        return (time.monotonic() - begin) / done * self.steps_per_epoch

    @torch.no_grad()
    def accuracy(self, images: numpy.ndarray, labels: numpy.ndarray, batch: int = 250) -> float:
        self.network.eval()
        right = 0
        for i in range(0, len(labels), batch):
            answers = self.network(self.normalized(torch.from_numpy(images[i : i + batch]))).argmax(1)
            right += (answers == torch.from_numpy(labels[i : i + batch])).sum().item()
        return right / len(labels)
