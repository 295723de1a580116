"""What a tool's author declares: effect, credential, and what to do when things go wrong."""
