def conv_7x1_1x7(channels, stride=1):
    """ReLU, 1x7 convolution, 7x1 convolution, batch normalisation."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
        nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False),
        nn.BatchNorm2d(channels),
    )
