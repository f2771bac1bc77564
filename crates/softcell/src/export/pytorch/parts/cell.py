class @NAME@(nn.Module):
    """@DOC@

    Made for the outputs of the two cells before, of `before_last` and `last` channels; `halve` where the first of
    them has twice the size of the second.
    """

    def __init__(self, before_last, last, channels, halve=False):
        super().__init__()
        self.preprocess0 = @PREPROCESS@
        self.preprocess1 = ReluConvBn(last, channels)
        self._ops = nn.ModuleList(
            [
@OPERATIONS@
            ]
        )

    def forward(self, s0, s1@DROP@):
        s0, s1, op = self.preprocess0(s0), self.preprocess1(s1), self._ops
@NODES@
        return torch.cat([@OUTPUT@], dim=1)
