class SepConv(nn.Module):
    """Separable convolution, applied twice; only the first is strided."""

    def __init__(self, channels, kernel, stride=1):
        super().__init__()
        self.op = nn.Sequential(*separable(channels, kernel, stride), *separable(channels, kernel))

    def forward(self, x):
        return self.op(x)
