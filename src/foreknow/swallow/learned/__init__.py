"""What is learned from the simulator: spatial patterns, courses in time, and what tells a swallow from all else."""
