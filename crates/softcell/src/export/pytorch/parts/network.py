class Network(nn.Module):
    """Stem, cells, mean over the pixels, linear layer: images [N, @IMAGE@] to logits [N, @COUNT@].

    Images are bytes, or floats as `normalized` makes them of bytes.@TRAINING@
    """

    def __init__(self):
        super().__init__()
@STEM@
        self.cells = nn.ModuleList(
            [
@CELLS@
            ]
        )
@PARTS@        self.classifier = nn.Linear(@FEATURES@, @COUNT@)

    def forward(self, images):
        if images.dtype == torch.uint8:
            images = normalized(images)
@STATES@
@LOOP@
