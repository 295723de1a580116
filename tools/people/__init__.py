"""What people are asked and answer: requests, approvals, the outbox."""
