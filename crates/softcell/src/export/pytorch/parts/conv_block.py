class ConvBlock(nn.Module):
    """ReLU, 3x3 convolution, batch normalisation."""

    def __init__(self, before, channels, stride):
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return self.op(x)
