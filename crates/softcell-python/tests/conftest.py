import numpy as np
import pytest
import softcell

#: A search and a training of a few seconds.
SMALL = dict(
    seed=3, images_per_class=20, search_epochs=2, nodes=1, search_layers=2, search_init_channels=4,
    epochs=2, layers=2, init_channels=4, budget="none",
)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def lines():
    return []


@pytest.fixture(scope="session")
def run(base, lines):
    """The digits, fitted once."""
    return softcell.fit(out=base / "digits", callback=lines.append, progress=False, **SMALL)


def made_up(n=120, side=8):
    """Images whose class is their colour."""
    rng = np.random.default_rng(1)
    y = np.arange(n) % 3
    x = rng.integers(0, 60, (n, side, side, 3), np.uint8)
    for image, label in zip(x, y):
        image[..., label] += 180
    return x, y


def weights(run):
    return [path.read_bytes() for path in sorted((run.path / "weights").iterdir())]
