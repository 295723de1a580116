"""`bailiwick run`: a request, and the answers to what it asks."""
