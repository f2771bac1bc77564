"""Recordings: safetensors files whose header says, under the key `case`, what was run."""

import json
import struct

import torch

TYPES = {"F32": torch.float32, "I64": torch.int64}
NAMES = {dtype: name for name, dtype in TYPES.items()}


def read_safetensors(path):
    """The tensors and the metadata of a safetensors file."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        numbers = torch.frombuffer(content[start:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors, metadata


def read_recording(path):
    """The tensors of a recording and its case."""
    tensors, metadata = read_safetensors(path)
    return tensors, json.loads(metadata["case"])


def write_recording(path, tensors, case):
    """Writes a recording, as the safetensors library does: the widest types first, then by name."""
    header, data = {"__metadata__": {"case": json.dumps(case)}}, bytearray()
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):
        tensor = tensors[name].detach().contiguous()
        begin = len(data)
        data += tensor.numpy().tobytes()
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, len(data)],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def under(tensors, prefix):
    """The tensors whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
