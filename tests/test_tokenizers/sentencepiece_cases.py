"""SentencePiece tokenizers for tests: real ones, and some trained on a grammar."""

import functools
import json
import random

from test_tokenizers.adversarial_texts import adversarial_texts

from kzoo.tokenizers import SentencePieceTokenizer, TranslationTokenizer

MARIAN = {
    "opus_mt_en_mg": "marian_en_mg",
    "opus_mt_tc_big_fr_en": "marian_tc_big_fr_en",
}
MODELS = {
    "google_test_model": "google_test/test_model.model",
    "google_test_ja_model": "google_test/test_ja_model.model",
    "opus_mt_en_mg_source": "opus_mt_en_mg/source.spm",
    "opus_mt_tc_big_fr_en_source": "opus_mt_tc_big_fr_en/source.spm",
    "opus_mt_tc_big_fr_en_target": "opus_mt_tc_big_fr_en/target.spm",
}
KINDS = ("unigram", "bpe", "bytes", "separate")
LANGUAGES = (">>fra<<", ">>cmn_Hans<<")
# What transformers takes for a special token and SentencePiece for text.
_SPELT_OUT = ("</s>", "<unk>", "<pad>")


def cases(shared_data, name):
    path = shared_data / "reference_tokenizations" / f"{name}.json"
    return json.loads(path.read_text("utf-8"))["cases"]


def marian(shared_data, name):
    folder = shared_data / "sentencepiece_models" / name
    return TranslationTokenizer.from_folder(folder)


def model(shared_data, name):
    path = shared_data / "sentencepiece_models" / MODELS[name]
    return SentencePieceTokenizer.from_file(path)


@functools.cache
def corpus():
    """Return German and Chinese sentences, made of a few words each."""
    rng = random.Random(3)
    nouns = "Hund Katze Haus Straße Übung Mädchen Fußgänger Bücher Äpfel".split()
    verbs = "läuft schläft sieht liest öffnet größer zählt".split()
    words = "他 她 喜欢 漢字 学习 中文 今天 天气 很好 我们 去 学校 朋友".split()
    german = [
        f"Der {rng.choice(nouns)} {rng.choice(verbs)} {rng.randrange(1000)} "
        f"{rng.choice(nouns)}, und {rng.choice(nouns).lower()}en... «ja»!"
        for _ in range(400)
    ]
    chinese = [
        "".join(rng.choice(words) for _ in range(rng.randrange(2, 9))) + "。"
        for _ in range(400)
    ]
    return german, chinese


@functools.cache
def trained(kind):
    german, chinese = corpus()
    options = {
        "unigram": {"language_tokens": LANGUAGES},
        "bpe": {"model_type": "bpe", "character_coverage": 0.99},
        "bytes": {"byte_fallback": True, "normalization": "identity"},
        "separate": {"joint": False},
    }[kind]
    size = {"bytes": 601, "separate": 173}.get(kind, 347)
    return TranslationTokenizer.train(german, chinese, size, **options)


def texts(count, seed=0):
    """Return hard texts, plain ones, and such as begin with a language."""
    rng = random.Random(seed)
    german, chinese = corpus()
    hard = [
        text
        for text in adversarial_texts(count, seed=seed)
        if not any(token in text for token in _SPELT_OUT)
    ]
    made = [*hard, *german[:20], *chinese[:20]]
    heads = [*LANGUAGES, ">>xx<<", ">>", "<<", ">><<", ">>a\n<<", " >>fra<<", "<<>>"]
    return made + [rng.choice(heads) + text for text in made[: count // 4]]


def unknown_runs(tokenizer, count, seed=0):
    """Return texts of characters that the model lacks and the vocabulary has."""
    rng = random.Random(seed)
    known = {piece for piece in tokenizer.pieces if len(piece) == 1}
    foreign = [t for t in tokenizer.text_ids if t and not known & set(t)]
    parts = [*foreign, "a", " ", "\0", "漢", "\ue000", "."]
    rows = [
        [rng.choice(parts) for _ in range(rng.randrange(1, 9))] for _ in range(count)
    ]
    return ["".join(row) for row in rows]


def rows_of_ids(tokenizer, count, seed=0):
    """Return rows of ids at random, a few of them no token's, and bytes in a row."""
    rng = random.Random(seed)
    size = tokenizer.vocabulary_size
    spelt = [i for i, t in enumerate(tokenizer.vocabulary) if t.startswith("<0x")]
    rows = []
    for number in range(count):
        pool = spelt if spelt and number % 2 else range(size + 3)
        rows.append([rng.choice(pool) for _ in range(rng.randrange(17))])
    return rows
