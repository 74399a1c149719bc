"""Texts on which tokenizers are known to disagree."""

SAMPLE_TEXTS: tuple[str | bytes, ...] = (
    "A plain sentence, with a comma and a full stop.",
    "",
    " ",
    "\t\n\r",
    "UPPER and lower, MiXeD; don't stop-now... (really?) [yes] {no}",
    "Caf\u00e9 na\u00efve \u00c5ngstr\u00f6m",
    "Cafe\u0301 nai\u0308ve A\u030angstro\u0308m",
    "\u0130stanbul \u0131\u015f\u0131k, stra\u00dfe, \u1e9e, \ufb01ne",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u041c\u043e\u0441\u043a\u0432\u0430",
    "\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059\u3002\uff21",
    "\ud55c\uad6d\uc5b4 \ubb38\uc7a5, \u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0e44\u0e17\u0e22, \u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651",
    "good \U0001f600 bad \U0001f44e\U0001f3fd",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "zero\u200bwidth \ufeffbom soft\u00adhyphen nbsp\u00a0here \u3000wide",
    "control\x01\x02 \x7f chars \x85 next \u2028 line",
    "nul\x00inside and replacement \ufffd",
    "a" * 101 + " " + "b" * 100 + " " + "supercalifragilistic" * 9,
    "[CLS] [SEP] [PAD] [UNK] [MASK] [cls] ##ing ## #",
    "$5.00 = 100% ^caret `tick` ~tilde_under+plus<less>|pipe| \u20ac \u00a3 \u00a9",
    "<br /><br />Loved it!!! 10/10 \u201cquotes\u201d \u2018single\u2019 \u2014 dash",
    b"invalid \xff\xfe utf-8 \xc3( bytes \xe2\x82",
    b"\xed\xa0\x80 surrogate \xf4\x90\x80\x80 beyond \xc0\xaf overlong",
)


def sample_texts(max_sequence_length: int, tokenizer=None) -> list[str | bytes]:
    """Return the sample texts and one that is longer than a model takes.

    Args:
        max_sequence_length: The most tokens that the model takes.
        tokenizer: Of the texts, what it can encode is left; None leaves all.

    Returns:
        Texts, those that are no valid UTF-8 as bytes.
    """
    words = ("very", "long", "winded", "x", "tale", "!")
    longer = " ".join(words[i % 6] for i in range(max_sequence_length + 7))
    texts = [*SAMPLE_TEXTS, longer]
    return texts if tokenizer is None else [tokenizer.known_part(t) for t in texts]
