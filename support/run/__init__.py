"""The parts of a training run: its settings, folder, checkpoints, history, plots and messages."""
