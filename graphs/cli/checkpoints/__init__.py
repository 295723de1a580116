"""`bailiwick checkpoints`: the keys that seal them."""
