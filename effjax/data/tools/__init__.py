"""What looks at data or prepares them, outside of training."""
