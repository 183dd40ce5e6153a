#!/usr/bin/env python3
"""Writes src/block/grids_table.rs from the codebooks in ggml's ggml-common.h.

    make_grids.py path/to/ggml-common.h > src/block/grids_table.rs

The codebooks are part of the IQ formats' definition. Each entry is a point with 4 or 8
coordinates out of a handful of values; it is written here as the coordinates' indices, two or
three bits each, the first coordinate lowest.
"""

import re
import sys

source = open(sys.argv[1]).read()


def points(name, n_coords):
    body = re.search(r"GGML_TABLE_BEGIN\(\w+, %s, \w+\)(.*?)GGML_TABLE_END" % name, source, re.S)
    words = [int(word, 16) for word in re.findall(r"0x[0-9a-fA-F]+", body.group(1))]
    return [[word >> 8 * i & 255 for i in range(n_coords)] for word in words]


def write(name, ggml_name, values, n_coords, bits):
    packed = [
        sum(values.index(value) << bits * i for i, value in enumerate(point))
        for point in points(ggml_name, n_coords)
    ]
    print(f"\npub(super) static {name}: [u16; {len(packed)}] = [")
    for i in range(0, len(packed), 12):
        print("    " + ", ".join(f"0x{entry:04x}" for entry in packed[i : i + 12]) + ",")
    print("];")


print("//! Codebooks of the IQ formats, written by `scripts/make_grids.py`; see there for the packing.")
write("IQ1_GRID", "iq1s_grid", [255, 0, 1], 8, 2)
write("IQ2_XXS_GRID", "iq2xxs_grid", [8, 25, 43], 8, 2)
write("IQ2_XS_GRID", "iq2xs_grid", [8, 25, 43], 8, 2)
write("IQ2_S_GRID", "iq2s_grid", [8, 25, 43], 8, 2)
write("IQ3_XXS_GRID", "iq3xxs_grid", [4, 12, 20, 28, 36, 44, 52, 62], 4, 3)
write("IQ3_S_GRID", "iq3s_grid", [1, 3, 5, 7, 9, 11, 13, 15], 4, 3)
