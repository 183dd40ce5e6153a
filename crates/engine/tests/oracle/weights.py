"""Pseudo-random weights that follow from a tensor's name and an element's index.

Element i of tensor NAME is made from 24 bits of splitmix64, keyed by the name:

    key  = FNV-1a, 64 bits, of NAME
    z    = mix(key + (i + 1) * 0x9E3779B97F4A7C15)      (mod 2^64; mix: splitmix64's finaliser)
    u    = (z >> 40) / 2^23 - 1                         in [-1, 1)

    norm weights    1 + u / 4
    biases, sinks   u / 4
    ssm_a           -(1 + 3 / 4 * u)                    logarithms of decays, below 0
    matrices        u * sqrt(3 / n_cols)                variance 1 / n_cols

computed in double precision and rounded to F32 once.
"""
import math

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def fnv1a(name):
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 & MASK
    return key


def uniform(name, n):
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def tensor(name, shape):
    """The tensor NAME; `shape` is outermost first."""
    u = uniform(name, math.prod(shape))
    if "norm" in name and name.endswith(".weight"):
        values = 1 + u / 4
    elif name.endswith(".bias") or "sinks" in name:
        values = u / 4
    elif name.endswith("ssm_a"):
        values = -(1 + 0.75 * u)
    else:
        values = u * math.sqrt(3 / shape[-1])
    return values.astype(np.float32).reshape(shape)
