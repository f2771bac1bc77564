"""@SUMMARY@, made with Softcell @VERSION@.

@USE@

@GENOTYPE@
"""

@IMPORTS@import torch
from torch import nn
from torch.nn import functional as F

CLASSES = [
@CLASSES@
]
CHANNELS, HEIGHT, WIDTH = @SHAPE@
# What becomes of another ratio of sides: crop, squash or letterbox.
RESIZE = "@RESIZE@"

# Of pixels from 0 to 1, one number for each channel.
MEAN = torch.tensor(@MEAN@).reshape(-1, 1, 1)
STD = torch.tensor(@STD@).reshape(-1, 1, 1)


class ReluConvBn(nn.Module):
    """ReLU, 1x1 convolution, batch normalisation."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )

    def forward(self, x):
        return self.op(x)
