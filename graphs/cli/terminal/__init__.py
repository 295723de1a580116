"""What every command shows at a terminal, and whom it takes for the person there."""
