"""foreknow: declare what you know as a model once; solve it, simulate it, unroll it, or train any network with it."""
