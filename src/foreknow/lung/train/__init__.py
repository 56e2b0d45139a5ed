"""Training for lung sounds: the shipped models on simulated recordings, and their adaptation to recordings of a user."""
