"""Guards against damage to what a network knows when it learns from new data."""

from foreknow.learn.guards.base import Guard
from foreknow.learn.guards.frozen_operators import FrozenOperators
from foreknow.learn.guards.l2sp import L2SP, GroupL2SP
from foreknow.learn.guards.replay import Replay
from foreknow.learn.guards.selective_decay import SelectiveDecay

__all__ = ["L2SP", "FrozenOperators", "GroupL2SP", "Guard", "Replay", "SelectiveDecay"]
