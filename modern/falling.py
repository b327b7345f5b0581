"""Falling learning rates: towards the end of a run both players take smaller and smaller steps.

    python -m modern.falling            prints the rates of a run of 100 epochs

In the game no player stands still: each step of one changes what the other must do, and G circles around a good
solution. The smaller the steps, the smaller the circles. So the rates stay high for most of the run, in which much is
still to be learnt, and then fall to 0 in a straight line (over the whole run in Miyato et al. 2018,
https://arxiv.org/abs/1802.05957, section 4; over its second half in Zhu et al. 2017, https://arxiv.org/abs/1703.10593,
section 4). No preset uses it: it made the pictures of `modern` worse (benchmarks/README.md).
"""


def share_of_rate(played, fall):
    """Compute what is left of a learning rate.

    Args:
        played: Share of the run that is over, 0 to 1.
        fall: Share of the run, at its end, in which the rate falls; 0: it never does.

    Returns:
        1 before the fall, 0 at the end of the run.
    """
    return min(1.0, (1.0 - played) / fall) if fall else 1.0


def set_learning_rates(players, settings, played):
    """Set both players' learning rates for the next step.

    Args:
        players: `train.Players`.
        settings: The run's settings; it reads `learning_rate`, `generator_learning_rate` and `learning_rate_fall`.
        played: Share of the run that is over, 0 to 1.
    """
    if not settings["learning_rate_fall"]:
        return
    share = share_of_rate(played, settings["learning_rate_fall"])
    players.discriminator_turn.optimizer.learning_rate = share * settings["learning_rate"]
    rate_of_g = settings["generator_learning_rate"] or settings["learning_rate"]
    players.combined.optimizer.learning_rate = share * rate_of_g


if __name__ == "__main__":
    for epoch in (0, 50, 75, 80, 90, 95, 99):
        print(f"after {epoch} of 100 epochs: {share_of_rate(epoch / 100, 0.25):.2f} of the rate")
