class ResidualBlock(nn.Module):
    """Halves the map: two 3x3 convolutions, and beside them the mean of 2x2 pixels and a 1x1 convolution."""

    def __init__(self, before, channels):
        super().__init__()
        self.conv_a = ConvBlock(before, channels, 2)
        self.conv_b = ConvBlock(channels, channels, 1)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(before, channels, 1, bias=False),
        )

    def forward(self, x):
        return self.conv_b(self.conv_a(x)) + self.downsample(x)
