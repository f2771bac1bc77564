class FactorizedReduce(nn.Module):
    """Halves the map: ReLU, 1x1 convolutions of the even and of the odd pixels side by side, batch normalisation.

    Where a side is odd, the last odd row or column lies beyond the edge and is zero.
    """

    def __init__(self, channels_in, channels_out):
        super().__init__()
        half = channels_out // 2
        self.conv_1 = nn.Conv2d(channels_in, half, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(channels_in, channels_out - half, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, x):
        x = F.relu(x)
        odd = F.pad(x[:, :, 1:, 1:], (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(odd)], dim=1))
