"""Randomness as a pure function of a key: no generator has to be stored for a run to be continued exactly."""

import hashlib

import torch


def seed_of(*key: int | str) -> int:
    """A seed that depends on every part of the key and on nothing else, in [0, 2^63)."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest(), "little") >> 1


def generator_of(*key: int | str) -> torch.Generator:
    """A fresh generator on the CPU, seeded by the key."""
    return torch.Generator().manual_seed(seed_of(*key))
