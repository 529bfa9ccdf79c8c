"""What became of the claims, judged from the result files alone.

A task counts as solved by an arm when the exact 95 % interval of the share of its trials that solved it within the
budget is above one half.
"""

from tinygrad_lab.study import Claim, Lab, Summary, passes

from . import grammar, lags, texts


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [*lags.claims(lab), *grammar.claims(lab), *texts.claims(lab)]


def summary(lab: Lab) -> Summary:
    """The LSTM on the first text there is."""
    name = texts.measured_texts(lab)[0]
    file, run = f"text-{name}", lab.runs(f"text-{name}", arm="2000")[0]
    data, config = lab.results(file)["environment"]["data"], run["config"]
    return Summary(
        data=f"{texts.TEXTS[name]}, {data['items']:,} characters to train on, a ninth as many after them held out",
        model=f"a layer of {config['hidden']} cells with forget gates, {run['parameters']:,} parameters",
        loss="cross-entropy of the next character, mean over windows of "
        f"{config['length']} characters from a zero state",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}, gradients "
        f"clipped to norm {config['clip']:g}",
        schedule=f"cosine to 0 over {passes(config)}, {run['steps']:,} updates",
        metric="nats a character of the held-out text, the state carried on; bits beside",
        expected="below 2.1 nats (3 bits) after the first passes; late in training the held-out loss falls slowly",
        numpy=texts.said(lab, texts.nats(lab, name, "2000")),
        torch=texts.said(lab, texts.nats(lab, name, "2000", "torch")),
        command="tinygrad-lab claims lstm (all), tinygrad-lab train lstm (one run of 256 cells)",
        time=lab.run_time(file, "2000"),
    )


def tables(lab: Lab) -> dict[str, str]:
    """Further blocks of the README: adding by arm and T, what each picture shows, and text that was written."""
    return {
        "lags": lags.by_length(lab),
        "seen in gradients": f"{lags.seen_in_gradients(lab)} {texts.seen_in_gradients(lab)}",
        "seen in adding": lags.seen(lab),
        "seen in reber": grammar.seen(lab),
        "seen in text": texts.seen(lab),
        "samples": texts.samples(lab),
    }
