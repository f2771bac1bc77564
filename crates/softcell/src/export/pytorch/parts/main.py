def brought(image):
    """A picture brought to the size of the network's images as RESIZE says, by the filter of the training."""
    from PIL import Image

    def scaled(side, to, by):
        return (side * to + by // 2) // by

    def by_triangle(size, box):
        # As wide as the scale asks for: shrinking averages, growing interpolates.
        return image.crop(box).resize(size, Image.Resampling.BILINEAR)

    width, height = image.size
    wide = width * HEIGHT > height * WIDTH
    if RESIZE == "crop":
        columns = min(max(scaled(height, WIDTH, HEIGHT), 1), width) if wide else width
        rows = height if wide else min(max(scaled(width, HEIGHT, WIDTH), 1), height)
        left, top = (width - columns) // 2, (height - rows) // 2
        return by_triangle((WIDTH, HEIGHT), (left, top, left + columns, top + rows))
    if RESIZE == "squash":
        return by_triangle((WIDTH, HEIGHT), (0, 0, width, height))
    columns = WIDTH if wide else min(max(scaled(width, HEIGHT, height), 1), WIDTH)
    rows = min(max(scaled(height, WIDTH, width), 1), HEIGHT) if wide else HEIGHT
    whole = Image.new(image.mode, (WIDTH, HEIGHT))
    inner = by_triangle((columns, rows), (0, 0, width, height))
    whole.paste(inner, ((WIDTH - columns) // 2, (HEIGHT - rows) // 2))
    return whole


def read_image(path):
    """An image file as bytes, [1, C, H, W]: upright, on white, brought to the size of the network's images."""
    from PIL import Image, ImageOps

    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
    if image.mode.startswith("I"):
        # Gray of 16 bits.
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode[-1] in "Aa" or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if CHANNELS == 3:
        image = image.convert("RGB")
    elif image.mode in ("1", "L"):
        image = image.convert("L")
    else:
        # The brightness of Rec. 709, rounded down.
        image = image.convert("RGB").convert("L", (0.2126, 0.7152, 0.0722, -0.499))
    pixels = torch.frombuffer(bytearray(brought(image).tobytes()), dtype=torch.uint8)
    return pixels.reshape(1, HEIGHT, WIDTH, CHANNELS).permute(0, 3, 1, 2)


def main(paths):
    if not paths:
        sys.exit(f"usage: python {sys.argv[0]} IMAGE...")
    try:
        import PIL  # noqa: F401
    except ImportError:
        sys.exit("reading images needs Pillow, which is not installed: pip install pillow")
    network, failed = load(), False
    for path in paths:
        try:
            pixels = read_image(path)
        except OSError as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
            continue
        with torch.inference_mode():
            probability, best = network(pixels).softmax(dim=1)[0].max(dim=0)
        print(f"{path}  {CLASSES[best]}  {probability.item():.2%}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
