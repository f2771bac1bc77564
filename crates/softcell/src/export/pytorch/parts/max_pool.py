def max_pool_3x3(stride=1):
    """The largest of 3x3 pixels."""
    return nn.MaxPool2d(3, stride, padding=1)
