"""What is taken out of texts, and what is not."""
