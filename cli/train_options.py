"""The options of `kzoo train`."""

import dataclasses
from typing import Annotated

import typer


def _option(panel: str, *names: str, help: str, metavar: str | None = None, **kwargs):
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=panel, **kwargs
    )


@dataclasses.dataclass
class ModelOptions:
    """What is trained."""

    preset: Annotated[
        str | None,
        _option(
            "Model",
            "--preset",
            metavar="NAME",
            help="Train this preset from scratch; see kzoo presets.",
        ),
    ] = None
    source: Annotated[
        str | None,
        _option(
            "Model",
            "--from",
            metavar="FOLDER|hf://NAME",
            help="Fine-tune trained weights: a run, a Hugging Face folder or the hub.",
        ),
    ] = None
    set: Annotated[
        list[str] | None,
        _option(
            "Model",
            "--set",
            metavar="NAME=VALUE",
            help="Override an argument of the model's constructor; may be repeated.",
        ),
    ] = None
    tokenizer: Annotated[
        str | None,
        _option(
            "Model",
            "--tokenizer",
            metavar="FOLDER|FILE|KIND",
            help="Use the tokenizer of this run, folder or file instead of training "
            "one. To train another kind: bpe or characters for gpt2, unigram or bpe "
            "for translator.",
        ),
    ] = None
    vocabulary_size: Annotated[
        int | None,
        _option(
            "Model",
            "--vocabulary-size",
            metavar="N",
            help="Tokens of a tokenizer trained on the training texts.",
            min=100,
        ),
    ] = None
    cased: Annotated[
        bool,
        _option("Model", "--cased", help="Keep upper case in a trained tokenizer."),
    ] = False
    max_length: Annotated[
        int | None,
        _option(
            "Model",
            "--max-length",
            metavar="N",
            help="Cut texts at N tokens; leave longer pairs out.",
            min=3,
        ),
    ] = None


@dataclasses.dataclass
class TrainOptions:
    """How it is trained; what is left out comes from the preset's recipe."""

    epochs: Annotated[
        int | None,
        _option(
            "Training", "--epochs", metavar="N", help="Passes over the data.", min=1
        ),
    ] = None
    steps: Annotated[
        int | None,
        _option(
            "Training", "--steps", metavar="N", help="Steps, instead of epochs.", min=1
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        _option("Training", "--batch-size", metavar="N", help="Texts per step.", min=1),
    ] = None
    optimizer: Annotated[
        str | None,
        _option(
            "Training",
            "--optimizer",
            metavar="adamw|muon",
            help="AdamW, or Muon for the matrices of blocks and AdamW for the rest.",
        ),
    ] = None
    learning_rate: Annotated[
        float | None,
        _option(
            "Training",
            "--learning-rate",
            metavar="RATE",
            help="The greatest learning rate.",
            min=0.0,
        ),
    ] = None
    warmup: Annotated[
        float | None,
        _option(
            "Training",
            "--warmup",
            metavar="SHARE|STEPS",
            help="Steps of the rise to it; below 1 a share of all steps.",
            min=0.0,
        ),
    ] = None
    decay: Annotated[
        str | None,
        _option(
            "Training",
            "--decay",
            metavar="linear|cosine|constant|inverse-sqrt",
            help="How the learning rate falls after the rise.",
        ),
    ] = None
    min_learning_rate: Annotated[
        float | None,
        _option(
            "Training",
            "--min-learning-rate",
            metavar="RATE",
            help="What the learning rate falls to.",
            min=0.0,
        ),
    ] = None
    beta_2: Annotated[
        float | None,
        _option(
            "Training",
            "--beta-2",
            metavar="SHARE",
            help="How slowly AdamW forgets squared gradients, such as 0.99.",
        ),
    ] = None
    accumulate: Annotated[
        int | None,
        _option(
            "Training",
            "--accumulate",
            metavar="N",
            help="Batches whose gradients make one update.",
            min=1,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        _option(
            "Training",
            "--weight-decay",
            metavar="RATE",
            help="AdamW's weight decay; norms and biases are left out.",
            min=0.0,
        ),
    ] = None
    clip_norm: Annotated[
        float | None,
        _option(
            "Training",
            "--clip-norm",
            metavar="NORM",
            help="Clip the gradients' common norm; 0 for no clipping.",
            min=0.0,
        ),
    ] = None
    label_smoothing: Annotated[
        float | None,
        _option(
            "Training",
            "--label-smoothing",
            metavar="SHARE",
            help="Share of the target spread over all labels.",
        ),
    ] = None
    class_weights: Annotated[
        str | None,
        _option(
            "Training",
            "--class-weights",
            metavar="balanced|JSON",
            help="Weigh classes: balanced, or as in '{\"spam\": 3}'.",
        ),
    ] = None
    ema: Annotated[
        float | None,
        _option(
            "Training",
            "--ema",
            metavar="MOMENTUM",
            help="Evaluate and keep a moving average of the weights, such as 0.99.",
        ),
    ] = None
    early_stopping: Annotated[
        int | None,
        _option(
            "Training",
            "--early-stopping",
            "--patience",
            metavar="EPOCHS",
            help="Stop after so many epochs without a better one.",
            min=1,
        ),
    ] = None
    monitor: Annotated[
        str | None,
        _option(
            "Training",
            "--monitor",
            metavar="val_loss|val_accuracy|val_bleu",
            help="What tells the best epoch, whose weights are kept; val_loss, for a "
            "translator val_bleu.",
        ),
    ] = None
    seed: Annotated[
        int,
        _option(
            "Training",
            "--seed",
            metavar="N",
            help="Fixes weights, dropout and the order of the data.",
            min=0,
        ),
    ] = 0
    precision: Annotated[
        str,
        _option(
            "Machine",
            "--precision",
            metavar="float32|mixed_bfloat16|mixed_float16",
            help="What layers compute in; weights stay float32.",
        ),
    ] = "float32"
    strategy: Annotated[
        str,
        _option(
            "Machine",
            "--strategy",
            metavar="auto|none|mirrored|multiworker|data-parallel|model-parallel",
            help="One device, all of this machine's, or those of a group of processes; "
            "see docs/distribution.md. A batch has --batch-size texts in all.",
        ),
    ] = "auto"
    devices: Annotated[
        int | None,
        _option(
            "Machine",
            "--devices",
            metavar="N",
            help="For --strategy mirrored and on JAX: so many GPUs, or parts of the "
            "CPU where there are none.",
            min=1,
        ),
    ] = None
    mesh: Annotated[
        str | None,
        _option(
            "Machine",
            "--mesh",
            metavar="RxW",
            help="For --strategy model-parallel: R shares of a batch's rows times W "
            "parts of the weights; all devices share the weights otherwise.",
        ),
    ] = None
    micro_batches: Annotated[
        int | None,
        _option(
            "Machine",
            "--micro-batches",
            metavar="N",
            help="Compute each batch in N parts, on a device one behind the other: the "
            "same step with less memory. A multiple of the devices.",
            min=1,
        ),
    ] = None
    jit: Annotated[
        bool | None,
        _option("Machine", "--jit/--no-jit", help="Whether steps are compiled by XLA."),
    ] = None
    steps_per_execution: Annotated[
        int | None,
        _option(
            "Machine",
            "--steps-per-execution",
            metavar="N",
            help="Steps between two looks at the training; not on torch.",
            min=1,
        ),
    ] = None
    peak_flops: Annotated[
        float | None,
        _option(
            "Machine",
            "--peak-flops",
            metavar="N",
            help="What all devices compute at most per second, such as 312e12, for the "
            "share of it that is used; by default from a table of GPUs.",
            min=1.0,
        ),
    ] = None
    lost_steps: Annotated[
        int,
        _option(
            "Training",
            "--lost-steps",
            metavar="N",
            help="Steps in a row without a finite loss that end the training; fewer "
            "are skipped.",
            min=1,
        ),
    ] = 3
    profile: Annotated[
        bool,
        _option(
            "Output",
            "--profile",
            help="Write a profile of ten steps for TensorBoard.",
        ),
    ] = False
    tensorboard: Annotated[
        bool,
        _option(
            "Output", "--tensorboard", help="Write curves for TensorBoard as well."
        ),
    ] = False
    log_steps: Annotated[
        int,
        _option(
            "Output",
            "--log-steps",
            metavar="N",
            help="Write each N-th step to history.jsonl as well.",
            min=0,
        ),
    ] = 0
    resume: Annotated[
        bool,
        _option(
            "Output",
            "--resume",
            help="Go on with the run in --out from its newest checkpoint, or start it "
            "if there is none.",
        ),
    ] = False
    checkpoint_every: Annotated[
        str,
        _option(
            "Output",
            "--checkpoint-every",
            metavar="TIME|STEPS",
            help="How far checkpoints are apart: 60s, 10m, 1h, or 500 for steps; 0 "
            "for none.",
        ),
    ] = "60s"
    keep_checkpoints: Annotated[
        int,
        _option(
            "Output",
            "--keep-checkpoints",
            metavar="N",
            help="How many checkpoints are kept, the newest.",
            min=1,
        ),
    ] = 3
