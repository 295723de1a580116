"""The checkpoints: where they are kept, how they are written, how they are sealed."""
