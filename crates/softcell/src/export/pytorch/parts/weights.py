def read_safetensors(content):
    """The tensors of a safetensors file: the length of its header in 64 bits, the header in JSON, the numbers."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        numbers = torch.frombuffer(bytearray(content[start:end]), dtype=types[entry["dtype"]])
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def load(weights=None):
    """The network with its weights, those beside this file if no others are named, in evaluation mode."""
    network = Network()
    path = Path(__file__).with_suffix(".safetensors") if weights is None else Path(weights)
    network.load_state_dict(read_safetensors(path.read_bytes()))
    return network.eval()


def normalized(pixels):
    """Bytes [N, C, H, W] as the network takes them."""
    return (pixels.float() / 255 - MEAN.to(pixels.device)) / STD.to(pixels.device)
