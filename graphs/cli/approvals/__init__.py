"""`bailiwick approvals`: what waits for people, and the way of their answers to the threads."""
