def avg_pool_3x3(stride=1):
    """The mean of 3x3 pixels, those beyond the edge left out."""
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
