"""What the harness needs of the machine: files, memory, processes, progress, and a card of the environment."""
