        self.stem = nn.Sequential(
            nn.Conv2d(CHANNELS, @WIDE@, 3, padding=1, bias=False),
            nn.BatchNorm2d(@WIDE@),
        )
