"""Published ways to find crackles, written from their descriptions; tuned on training seeds by `benchmarks.tune_lung`."""
