def drop_path(x, probability):
    """Leaves an operation out for some images of the batch; for the others it counts more, so that the mean stays."""
    if probability == 0:
        return x
    keep = 1 - probability
    return x * x.new_empty(len(x), 1, 1, 1).bernoulli_(keep) / keep
