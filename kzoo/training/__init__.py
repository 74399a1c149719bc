"""Training with `model.fit`: schedules, losses, optimizers, callbacks.

Keras is loaded when a part that needs it is first asked for.
"""

from kzoo.lazy import lazily

_MODULES = {
    "AverageWeights": "weight_average",
    "BestPreset": "best_preset",
    "CallbackList": "callback_list",
    "Checkpoints": "checkpoints.callback",
    "Distributed": "distribution.model",
    "HistoryLog": "history_log",
    "InterruptBetweenSteps": "interruption",
    "Perplexity": "perplexity",
    "ProfileSteps": "profiling",
    "Progress": "progress",
    "RequireFiniteLoss": "finite_loss",
    "SampleTexts": "sample_texts",
    "SkipNonFinite": "skip_nonfinite",
    "SmoothedSparseCrossentropy": "losses",
    "StepLogs": "callback_list",
    "StopAtStep": "stop_at_step",
    "TensorBoardLog": "tensorboard_log",
    "ThroughputLog": "throughput_log",
    "TokenCrossentropy": "losses",
    "TokenPerplexity": "token_metrics",
    "TranslationScores": "translation_scores",
    "WarmupDecay": "schedules",
    "adamw": "optimizers",
    "classification_metrics": "metrics",
    "compile_classifier": "compiling",
    "compile_language_model": "compiling",
    "compile_translator": "compiling",
    "distributed": "distribution.model",
    "enable_lora": "lora",
    "freeze": "freezing",
    "keep_freed_memory": "freed_memory",
    "load_adapters": "adapters",
    "measure_perplexity": "perplexity",
    "merge_lora": "lora",
    "muon": "optimizers",
    "parameter_counts": "freezing",
    "quantize": "quantization",
    "read_history": "history",
    "rematerialised": "rematerialisation",
    "save_adapters": "adapters",
    "score_translations": "translation_quality",
    "set_seed": "seeding",
    "strategy": "distribution.strategies",
    "unfreeze": "freezing",
}

__all__ = [*_MODULES]

__getattr__, __dir__ = lazily(__name__, _MODULES)
