def separable(channels, kernel, stride=1, dilation=1):
    """ReLU, depthwise convolution, pointwise convolution, batch normalisation."""
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]
