"""The loop that trains a task: it is handed the task's class and knows none by name."""
