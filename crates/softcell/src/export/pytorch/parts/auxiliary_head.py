class AuxiliaryHead(nn.Module):
    """A second classifier, two thirds of the way through the network. Its loss is added in training."""

    def __init__(self):
        super().__init__()
@FEATURES@
        self.classifier = nn.Linear(@INPUTS@, @COUNT@)

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))
