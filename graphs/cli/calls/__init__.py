"""`bailiwick calls`: what was called, and how a call in doubt is settled."""
