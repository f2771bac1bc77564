class DilConv(nn.Module):
    """Separable convolution with dilation 2."""

    def __init__(self, channels, kernel, stride=1):
        super().__init__()
        self.op = nn.Sequential(*separable(channels, kernel, stride, dilation=2))

    def forward(self, x):
        return self.op(x)
