"""From decoded pictures to ordered clicks."""
