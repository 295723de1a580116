"""The way of answers from the database to the threads that wait for them."""
