"""Data sets to train on: tensors, recordings of unequal length, simulators; crops of any of them."""

from foreknow.learn.data.base import Data
from foreknow.learn.data.crops import RandomCrops
from foreknow.learn.data.example import Example
from foreknow.learn.data.examples import Examples, UnequalExamples
from foreknow.learn.data.frames import RandomFrames
from foreknow.learn.data.resized import RandomViews
from foreknow.learn.data.simulated import Simulate, Simulated

__all__ = ["Data", "Example", "Examples", "RandomCrops", "RandomFrames", "RandomViews", "Simulate", "Simulated", "UnequalExamples"]
