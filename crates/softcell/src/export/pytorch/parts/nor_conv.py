class NorConv(nn.Module):
    """ReLU, full convolution, batch normalisation."""

    def __init__(self, channels, kernel, stride=1):
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return self.op(x)
