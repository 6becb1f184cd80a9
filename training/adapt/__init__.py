"""Fine-tuning of the shipped models on a user's own pictures, and its report."""
