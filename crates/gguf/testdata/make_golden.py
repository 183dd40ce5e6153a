#!/usr/bin/env python3
"""Makes the golden files of this folder, and next to each a text of what is in it.

Oracle: `gguf` 0.19.0 (ggml's own Python package, from PyPI), with numpy 2.4.6. It writes the
files of version 3; versions 1 and 2 it cannot write, so those are put together by hand from the
specification. The texts are made from the values that went in, and what `GGUFReader` says of
each file is compared with them.

Run in this folder:  pip install gguf==0.19.0 numpy && python3 make_golden.py
"""

import json
import struct
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFEndian, GGUFReader, GGUFWriter
from gguf import GGUFValueType as V

# This version of the package counts two f32 where ggml's `block_q8_1` has two f16.
GGML_QUANT_SIZES[GGMLQuantizationType.Q8_1] = (32, 2 + 2 + 32)

HERE = Path(__file__).parent

# key, type, value; an array's elements have the third entry of its row, None for nested ones.
ENTRIES = [
    ("golden.u8", V.UINT8, 200, None),
    ("golden.i8", V.INT8, -100, None),
    ("golden.u16", V.UINT16, 40_000, None),
    ("golden.i16", V.INT16, -30_000, None),
    ("golden.u32", V.UINT32, 4_000_000_000, None),
    ("golden.i32", V.INT32, -2_000_000_000, None),
    ("golden.f32", V.FLOAT32, 0.15625, None),
    ("golden.bool", V.BOOL, True, None),
    ("golden.string", V.STRING, "llama, Ġ, \u2581, \U0001f42a", None),
    ("golden.u64", V.UINT64, 18_000_000_000_000_000_000, None),
    ("golden.i64", V.INT64, -9_000_000_000_000_000_000, None),
    ("golden.f64", V.FLOAT64, -1234.5678, None),
    ("golden.u8s", V.ARRAY, [0, 127, 255], V.UINT8),
    ("golden.i16s", V.ARRAY, [-1, 0, 1], V.INT16),
    ("golden.i32s", V.ARRAY, [1, 2, 3, -4], V.INT32),
    ("golden.f32s", V.ARRAY, [0.5, -0.25], V.FLOAT32),
    ("golden.u64s", V.ARRAY, [1 << 60], V.UINT64),
    ("golden.bools", V.ARRAY, [True, False], V.BOOL),
    ("golden.strings", V.ARRAY, ["a", "", "bc", "ключ", "x" * 200], V.STRING),
    ("golden.nested", V.ARRAY, [[1, 2], [3]], None),
]

NAMES = {
    V.UINT8: "u8", V.INT8: "i8", V.UINT16: "u16", V.INT16: "i16", V.UINT32: "u32",
    V.INT32: "i32", V.FLOAT32: "f32", V.BOOL: "bool", V.STRING: "string", V.ARRAY: "array",
    V.UINT64: "u64", V.INT64: "i64", V.FLOAT64: "f64",
}  # fmt: skip


def tensors():
    """One tensor of every type: two rows of one block, with bytes that count up."""
    for ty in GGMLQuantizationType:
        block_bytes = GGML_QUANT_SIZES[ty][1]
        data = np.arange(2 * block_bytes, dtype=np.uint32).astype(np.uint8)
        yield f"t.{ty.name}", ty, data.reshape(2, block_bytes)


def text_of_value(ty, value):
    if ty == V.ARRAY:
        return "[" + ", ".join(text_of_value(V.get_type(item), item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def text_of(version, order, alignment, entries, tensors):
    lines = [f"version {version} {order} alignment {alignment}"]
    for key, ty, value, elem in entries:
        kind = f"array of {NAMES[V.ARRAY if elem is None else elem]}" if ty == V.ARRAY else NAMES[ty]
        lines.append(f"{key}: {kind} = {text_of_value(ty, value)}")
    for name, dims, ty, offset, data in tensors:
        dims = " x ".join(str(dim) for dim in dims)
        lines.append(f"{name}: {ty.name} {dims} at {offset}, {len(data)} bytes, sum {sum(data)}")
    return "\n".join(lines) + "\n"


def check(path, entries, tensors):
    """What the package's reader says must be what went in."""
    reader = GGUFReader(path)
    for key, ty, value, _ in entries:
        field = reader.fields[key]
        assert field.types[0] == ty, key
        if ty not in (V.ARRAY, V.STRING):
            assert field.parts[field.data[0]][0] == value, key
    starts = {tensor.name: tensor.data_offset - reader.data_offset for tensor in reader.tensors}
    for name, dims, ty, offset, data in tensors:
        tensor = next(tensor for tensor in reader.tensors if tensor.name == name)
        assert [int(dim) for dim in tensor.shape] == dims and tensor.tensor_type == ty
        assert starts[name] == offset and tensor.n_bytes == len(data)


def write_version_3(name, endian, alignment):
    writer = GGUFWriter(None, "llama", endianess=endian)
    entries = [("general.architecture", V.STRING, "llama", None), *ENTRIES]
    for key, ty, value, elem in ENTRIES:
        writer.add_key_value(key, value, ty, sub_type=elem)
    if alignment != 32:
        writer.add_custom_alignment(alignment)
        entries.append(("general.alignment", V.UINT32, alignment, None))
    listed, offset = [], 0
    for tensor_name, ty, data in tensors():
        # The bytes are what is to be in the file, so they count as being in its order.
        writer.add_tensor(tensor_name, data, raw_dtype=ty, tensor_endianess=endian)
        dims = [GGML_QUANT_SIZES[ty][0], 2]
        listed.append((tensor_name, dims, ty, offset, data.tobytes()))
        offset = -(-(offset + data.nbytes) // alignment) * alignment
    path = HERE / f"{name}.gguf"
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    check(path, entries, listed)
    order = "little" if endian == GGUFEndian.LITTLE else "big"
    (HERE / f"{name}.txt").write_text(text_of(3, order, alignment, entries, listed))


def write_split(name):
    writer = GGUFWriter(None, "llama", split_max_tensors=2)
    for number in range(5):
        writer.add_tensor(f"t.{number}", np.full((2, 4), number, dtype=np.float32))
    writer.write_header_to_file(HERE / f"{name}.gguf")
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_by_hand(name, version, terminator):
    """Versions 1 and 2, from the specification: they differ in the width of lengths."""
    wide = "<Q" if version > 1 else "<I"

    def length(n):
        return struct.pack(wide, n)

    def string(text):
        stored = text.encode() + terminator
        return length(len(stored)) + stored

    formats = {
        V.UINT8: "<B", V.INT8: "<b", V.UINT16: "<H", V.INT16: "<h", V.UINT32: "<I",
        V.INT32: "<i", V.FLOAT32: "<f", V.BOOL: "<B", V.UINT64: "<Q", V.INT64: "<q",
        V.FLOAT64: "<d",
    }  # fmt: skip

    def value_of(ty, value, elem=None):
        if ty == V.STRING:
            return string(value)
        if ty == V.ARRAY:
            elem = V.get_type(value[0]) if elem is None else elem
            items = b"".join(value_of(elem, item) for item in value)
            return struct.pack("<I", elem) + length(len(value)) + items
        return struct.pack(formats[ty], value)

    data = bytes(range(48))
    listed = [
        ("t.F32", [3, 2], GGMLQuantizationType.F32, 0, data[:24]),
        ("t.Q8_0", [32, 1], GGMLQuantizationType.Q8_0, 32, data[:34]),
    ]
    out = b"GGUF" + struct.pack("<I", version) + length(len(listed)) + length(len(ENTRIES))
    for key, ty, value, elem in ENTRIES:
        out += string(key) + struct.pack("<I", ty) + value_of(ty, value, elem)
    for tensor_name, dims, ty, offset, _ in listed:
        out += string(tensor_name) + struct.pack("<I", len(dims))
        out += b"".join(length(dim) for dim in dims) + struct.pack("<IQ", ty, offset)
    out += bytes(-len(out) % 32)
    for tensor in listed:
        out += tensor[4] + bytes(-len(tensor[4]) % 32)
    path = HERE / f"{name}.gguf"
    path.write_bytes(out)
    if version > 1:
        check(path, ENTRIES, listed)
    (HERE / f"{name}.txt").write_text(text_of(version, "little", 32, ENTRIES, listed))


write_version_3("version-3", GGUFEndian.LITTLE, 32)
write_version_3("version-3-big-endian", GGUFEndian.BIG, 32)
write_version_3("version-3-aligned-64", GGUFEndian.LITTLE, 64)
write_split("split")
write_by_hand("version-1", 1, b"")
write_by_hand("version-1-terminated", 1, b"\0")
write_by_hand("version-2", 2, b"")
