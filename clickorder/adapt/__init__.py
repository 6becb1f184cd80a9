"""`clickorder adapt`, from labelled pictures to fine-tuned models."""
