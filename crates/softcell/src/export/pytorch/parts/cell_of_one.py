class @NAME@(nn.Module):
    """@DOC@

    Made for the output of the layer before; `before` are its channels where they are brought to `channels`.
    """

    def __init__(self, channels, before=None):
        super().__init__()
        self.preprocess0 = @PREPROCESS@ if before else nn.Identity()
        self.@PLACE@ = nn.ModuleDict(
            {
@OPERATIONS@
            }
        )

    def forward(self, s0@DROP@):
        s0, op = self.preprocess0(s0), self.@PLACE@
@NODES@
        return torch.cat([@OUTPUT@], dim=1)
