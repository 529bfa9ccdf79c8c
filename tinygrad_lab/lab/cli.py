"""The command line: ``tinygrad-lab``, also ``python -m tinygrad_lab``.

Exit codes: 0 fine; 1 a check failed; 2 wrong usage or input, or whatever else went wrong, with one line on stderr;
130 after Ctrl-C, 143 after SIGTERM; 141 where nobody reads any more what is written.
"""

import itertools
import os
import sys
from pathlib import Path

import click

from tinygrad_lab import __version__
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.complaints import ended
from tinygrad_lab.data import DataError
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import StoppedError, UsageError
from tinygrad_lab.lab.fields import WithFields, WithSearch
from tinygrad_lab.lab.options import LARGEST_SEED, TEXT, Formulas, workers_option
from tinygrad_lab.lab.report import report
from tinygrad_lab.paper import SIZES

NAME = "tinygrad-lab"


def _json(ctx: click.Context, _parameter: click.Parameter, target: str | None) -> str | None:
    """Try the file before the command begins, so that no work is lost over its name; stdout is for JSON alone."""
    if target == "":
        raise click.BadParameter("it needs a file's name, or - for stdout")
    if target is not None:
        from tinygrad_lab.lab import console

        console.try_json(str(ctx.command.name), target)
        if target == "-":
            ctx.with_resource(console.json_alone())
    return target


json_option = click.option(
    "--json", "json_file", metavar="FILE", callback=_json,
    help="Write the report as JSON; - for stdout. An older report of the same command is replaced, no other file.",
)  # fmt: skip
size_option = click.option("--size", type=click.Choice(SIZES), default="tiny", show_default=True)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Twelve machine-learning papers, each built twice, on a NumPy engine and in PyTorch, and proven to agree."""
    _help_alone(ctx)


def _help_alone(ctx: click.Context) -> None:
    """Say what commands a group has, when none was named."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@json_option
def papers(json_file: str | None) -> None:
    """List the papers, their variants and sizes."""
    from tinygrad_lab.lab import listing

    entries = [listing.describe(paper) for paper in registry.discover().values()]
    report(entries, json_file, lambda: listing.print_papers(entries))


@cli.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG]...")
@click.option("--variant", help="Only this variant; by default all at size tiny, at other sizes the first.")
@click.option("--dtype", type=click.Choice(["float32", "float64", "both"]), default="both", show_default=True)
@size_option
@click.option("--steps", type=click.IntRange(1), help="Length of the trajectory: 20 at tiny, else 2, by default.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
@json_option
def parity(
    slugs: tuple[str, ...],
    variant: str | None,
    dtype: str,
    size: str,
    steps: int | None,
    seed: int,
    json_file: str | None,
) -> None:
    """Compare both sides of each paper: the lab's main job. Fails if any check does."""
    from tinygrad_lab.lab import agreement, parity_report

    jobs = parity_report.jobs(slugs, variant, dtype, size)
    steps = steps or agreement.trajectory_steps(size)
    rows = parity_report.run(jobs, size, steps, seed)
    report([row.as_json() for row in rows], json_file, lambda: parity_report.print_rows(rows))
    parity_report.print_failures(rows)
    parity_report.print_diagnosis(rows, size, steps, seed)
    if not all(row.passed for row in rows):
        raise click.exceptions.Exit(1)


@cli.command(cls=WithFields, context_settings={"ignore_unknown_options": True})
@click.argument("slugs", nargs=-1, metavar="[SLUG]... [FIELDS]", type=click.UNPROCESSED)
@click.option("--variant", help="This variant instead of each paper's first.")
@click.option("--size", type=click.Choice(SIZES), default="small", show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Blocks a side.")
@click.option("--profile", "kind", flag_value="profiling", help="Instead: the engine's step, operation by operation.")
@click.option("--inference", "kind", flag_value="inference", help="Instead: forward alone, and writing.")
@click.option("--peers", "kind", flag_value="peers", help="Instead: the engine against other engines for NumPy.")
@click.option("--weights", metavar="NAME|PATH", help="With --inference: a published model reads, and writes.")
@workers_option
@json_option
def bench(
    slugs: tuple[str, ...],
    variant: str | None,
    size: str,
    repeats: int,
    kind: str | None,
    weights: str | None,
    json_file: str | None,
) -> None:
    """Time one training step on both sides, in turns, and measure its peak memory.

    Any field of a configuration is an option too, after the papers: bench alexnet --size paper --batch-size 16.
    """
    from importlib import import_module

    from tinygrad_lab.lab.measuring.spread import quartiles_beside

    benchmark = import_module(f"tinygrad_lab.lab.measuring.{kind}" if kind else "tinygrad_lab.lab.bench")
    named = list(itertools.takewhile(lambda word: not word.startswith("-"), slugs))
    if weights is None:
        rows = benchmark.run(named, variant, size, slugs[len(named) :], repeats)
    else:
        if kind != "inference" or named != list(slugs) or variant:
            raise UsageError("bench: --weights goes with --inference alone: the weights bring their configuration")
        rows = import_module("tinygrad_lab.lab.measuring.published").run(named, weights, repeats)
    report(quartiles_beside(rows), json_file, lambda: benchmark.print_rows(rows))


@cli.command(cls=WithFields, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("slug")
@click.option("--side", type=click.Choice(["numpy", "torch"]), show_default="numpy")
@click.option("--variant", help="Which of the paper's models; the first one by default.")
@click.option("--size", type=click.Choice(SIZES), show_default="small")
@click.option(
    "--resume", is_flag=True,
    help="Go on with the run in the output folder. Its options are read from there; more --epochs can be asked for.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the checkpoint.")
@click.option(
    "--save-every", type=click.IntRange(0), default=60, show_default=True, metavar="SECONDS",
    help="Seconds between checkpoints; after each epoch there is one besides.",
)  # fmt: skip
@workers_option
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    slug: str,
    side: str | None,
    variant: str | None,
    size: str | None,
    resume: bool,
    out: Path | None,
    save_every: int,
    json_file: str | None,
) -> None:
    """Train a paper's model. Any field of its configuration is an option too: --epochs 3 --learning-rate 0.01.

    Ctrl-C and SIGTERM stop between two steps, and --resume goes on as if nothing had been; a second Ctrl-C stops at
    once, and what was made since the last checkpoint is made again. The learning rate of a run that is given more
    epochs is, from there on, that of a run which had so many from the beginning. train SLUG --help lists the fields.
    """
    from tinygrad_lab.lab import training
    from tinygrad_lab.lab.taking_up import Wishes, taken_up

    paper = registry.find(slug)
    with taken_up(paper, Wishes(side, variant, size, ctx.args), out, resume, save_every) as run:
        run.run()
        report(training.report(run), json_file, lambda: training.print_report(run))


@cli.command(cls=WithSearch, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("slug")
@click.option(
    "--prompt", "given", multiple=True, type=TEXT,
    help="What to go on from; may be repeated. A few of the paper's own without.",
)  # fmt: skip
@click.option("--side", type=click.Choice(["numpy", "torch"]), default="numpy", show_default=True)
@click.option(
    "--checkpoint", type=click.Path(dir_okay=False, path_type=Path), help="A run's file, if not the last one's."
)
@click.option("--weights", metavar="NAME|PATH", help="A published model instead: smollm2, a GGUF file, a folder.")
@json_option
@click.pass_context
def generate(
    ctx: click.Context,
    slug: str,
    given: tuple[str, ...],
    side: str,
    checkpoint: Path | None,
    weights: str | None,
    json_file: str | None,
) -> None:
    """Let a trained model write: go on from a prompt, or translate it.

    The checkpoint is of either side; how to search or sample is set by further options, which generate SLUG --help
    lists: generate lstm --prompt "The Time Traveller" --temperature 0.5.

    Published weights: generate llama --weights smollm2 --prompt "Why is the sky blue?" --temperature 0. What is
    written is text alone: it ends before the token that says the end, and other markers are left out.
    """
    from tinygrad_lab.lab import console, generation

    paper = registry.find(slug)
    if checkpoint and weights:
        raise UsageError("generate: --checkpoint and --weights exclude each other")
    source = generation.from_weights(paper, weights) if weights else generation.from_checkpoint(paper, checkpoint)
    writer = generation.Writer(paper, side, source, ctx.args)
    prompts = given or source.prompts
    if len(prompts) > 1:  # of one alone nothing has been written when it is refused
        writer.check(prompts)
    written = [{"prompt": prompt, "text": writer.write(prompt, echo=json_file != "-")} for prompt in prompts]
    writer.pace.print()
    if json_file:
        console.write_json(written, json_file)


@cli.command(cls=Formulas)
@click.argument("sentences", nargs=-1, required=True, type=TEXT, metavar="SENTENCE...")
@click.option("--side", type=click.Choice(["numpy", "torch"]), default="numpy", show_default=True)
@json_option
def embed(sentences: tuple[str, ...], side: str, json_file: str | None) -> None:
    """Say how alike sentences are, with the published weights of all-MiniLM-L6-v2 in our BERT.

    embed "A man is eating food." "Someone eats a meal." "The sky is blue."
    """
    from tinygrad_lab.lab import embedding

    vectors = embedding.SentenceSpace(side).vectors(sentences)
    content = embedding.as_json(sentences, vectors, side)
    report(content, json_file, lambda: embedding.print_table(sentences, vectors, side))


@cli.command()
@click.argument("slug")
@click.option("--seeds", type=click.IntRange(1), help="Seeds for each setting, instead of the experiment's own number.")
@click.option("--quick", is_flag=True, help="A token size, to see that it runs; the verdicts mean nothing.")
@click.option("--redraw", is_flag=True, help="Tables and figures again from the results already measured.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for results, if not the paper's.")
@workers_option
@json_option
def claims(slug: str, seeds: int | None, quick: bool, redraw: bool, out: Path | None, json_file: str | None) -> None:
    """Run a paper's experiments: verdicts, figures, and the tables of its README."""
    from tinygrad_lab.lab.study import claims as judging

    paper = registry.find(slug)
    judged = judging.run(paper, judging.workbench(paper, seeds, quick, out), redraw)
    report(judging.as_json(judged), json_file, lambda: judging.print_claims(paper, judged))


@cli.command(cls=Formulas)
@click.argument("target", type=TEXT, required=False, metavar="TARGET")
@click.argument("values", nargs=-1, type=TEXT, metavar="[NAME=VALUE]...")
@click.option(
    "--module",
    metavar="PATH",
    help="Only this module of a paper and what is below it: encoder.lstm; or all called so: lstm.",
)
@click.option("--variant", help="Which of the paper's models; the first one by default.")
@click.option(
    "--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write an interactive page. An older page of this command is replaced, any other file is left alone.",
)  # fmt: skip
@click.option("--quiz", is_flag=True, help="Ask for each gradient before it is shown.")
@click.option("--random", is_flag=True, help="A paper untrained, on random numbers, not with what it has learned.")
@click.option("--serve", "serving", is_flag=True, help="A paper's page with the engine behind it: change any number.")
@json_option
def step(
    target: str | None,
    values: tuple[str, ...],
    module: str | None,
    variant: str | None,
    html_file: Path | None,
    quiz: bool,
    random: bool,
    serving: bool,
    json_file: str | None,
) -> None:
    """Step through a paper at its tiny size, or through an expression: every operation, forwards and backwards.

    step "relu(w*x + b)" w=2 x=-3 b=1 --html neuron.html     values are numbers or lists: x="[1, 2]"

    step seq2seq_attention --module encoder.lstm

    Without --html or --json: on a terminal the stepper's screen, elsewhere the steps as text.
    """
    from tinygrad_lab.lab.stepping import show

    if target is None:
        raise UsageError('Missing argument TARGET: a paper, as in step lenet, or as in step "w*x + b" w=2 x=-3 b=1')
    if serving:
        if values or html_file or json_file or quiz:
            raise UsageError("--serve goes with a paper, --module, --variant and --random, with nothing else")
        show.serve(target, module, variant, random)
    else:
        show.show(target, values, module, variant, random, html_file, json_file, quiz)


@cli.command()
@click.argument("name", required=False, type=TEXT)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Run the file, NAME.py if none is named, and say what is wrong with it.")
@click.option("--hint", is_flag=True, help="The next hint; there are three, and none is the solution.")
@click.option("--solution", is_flag=True, help="The engine's own operation.")
@json_option
def exercise(
    name: str | None, file: Path | None, check: bool, hint: bool, solution: bool, json_file: str | None
) -> None:
    """Write a backward yourself: without NAME the exercises, with one its file, here.

    exercise softmax             writes softmax.py: the forward, and an empty backward

    exercise softmax --check     runs it against numerical derivatives and PyTorch, and knows the classic slips
    """
    from tinygrad_lab.lab.exercises import command

    if not command.run(name, file, command.Wish(check, hint, solution), json_file):
        raise click.exceptions.Exit(1)


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the site; site/ in a checkout.")
@click.option("--serve", "serving", is_flag=True, help="Show it on a server of this machine afterwards.")
def read(out: Path | None, serving: bool) -> None:
    """Build the site: every paper's two sources side by side, with notes, drawings, agreement and the stepper.

    An earlier site in the folder is replaced; a folder with anything else in it is left alone.
    """
    from tinygrad_lab.lab import site
    from tinygrad_lab.lab.parity_report import print_failures

    folder = site.output_folder(out)
    rows = site.build_all(folder)
    print_failures(rows)
    click.echo(f"site: {folder / 'index.html'}")
    if serving:
        site.serve(folder)
    if not all(row.passed for row in rows):
        raise click.exceptions.Exit(1)


@cli.group(invoke_without_command=True)
@click.pass_context
def data(ctx: click.Context) -> None:
    """Data sets: what there is, where it was found, whether its checksum is right."""
    _help_alone(ctx)


@data.command("list")
@json_option
def data_list(json_file: str | None) -> None:
    """List the data sets."""
    from dataclasses import asdict

    from tinygrad_lab.data import catalogue
    from tinygrad_lab.lab.data_sets import print_data_sets

    entries = catalogue()
    report([asdict(entry) for entry in entries], json_file, lambda: print_data_sets(entries))


@data.command("fetch")
@click.argument("name")
def data_fetch(name: str) -> None:
    """Find a data set, or download it into the cache; checked before use."""
    from tinygrad_lab.data import fetch

    try:
        click.echo(fetch(name))
    except ValueError as error:  # no such data set
        raise UsageError(str(error)) from error


def main(argv: list[str] | None = None) -> None:
    """Run the command line; never returns."""
    words = sys.argv[1:] if argv is None else argv
    sys.exit(ended(lambda: _run(words), NAME, UsageError, StoppedError, DataError, CheckpointError))


def _check_folder() -> None:
    """Refuse to work in a folder that is gone: torch asks for it, and so does every relative name."""
    try:
        os.getcwd()
    except OSError as error:
        raise UsageError("the folder that this is run in is gone, or may not be read: go to another one") from error


def _run(words: list[str]) -> int:
    """Run a command; click's own way of ending one, with its errors as ours."""
    _check_folder()
    try:
        with cli.make_context(NAME, list(words)) as ctx:
            cli.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        raise UsageError(error.format_message()) from error
    return 0
