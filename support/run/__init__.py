"""What a training run is: its settings, folder, checkpoints, history, plots and what it says."""
