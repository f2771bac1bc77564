class Network(nn.Module):
    """Stem, cells, mean over the pixels, linear layer: images [N, @IMAGE@] to logits [N, @COUNT@]."""

    def __init__(self):
        super().__init__()
@STEM@
        self.cells = nn.ModuleList(
            [
@CELLS@
            ]
        )
@LASTACT@        self.classifier = nn.Linear(@FEATURES@, @COUNT@)

    def forward(self, images):
@STATES@
        for cell in self.cells:
            @STEP@
        return self.classifier(@RESULT@.mean(dim=(2, 3)))
