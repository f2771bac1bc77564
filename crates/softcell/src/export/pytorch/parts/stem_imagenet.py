        self.stem0 = nn.Sequential(
            nn.Conv2d(CHANNELS, @HALF@, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(@HALF@),
            nn.ReLU(),
            nn.Conv2d(@HALF@, @WIDE@, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(@WIDE@),
        )
        self.stem1 = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(@WIDE@, @WIDE@, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(@WIDE@),
        )
