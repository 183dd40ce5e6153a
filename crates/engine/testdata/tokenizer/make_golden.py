"""Writes the small vocabularies of this folder and what a reference makes of some texts.

    python make_golden.py          # needs tokenizers 0.23.3

The oracle is the Python package `tokenizers` of Hugging Face: it trains a vocabulary of some
hundred tokens on the text below, encodes the cases, and never sees our code. Vocabularies are
written as GGUF files have them: `▁` for a space, byte tokens `<0x00>`, token types as numbers.
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
SPACE = "▁"

CORPUS = """
The camel is a large animal with humps on its back. A camel can walk for days without water, and
when it finds water it drinks for a long time. Camels carry people and their goods through the
desert. The camel has long legs, long lashes and a long memory. Nobody knows what a camel thinks.
When the wind blows the camel closes its nose. In the morning the camels stand up, one after the
other, and the people walk beside them. They were walking, they walked, they will be walking. The
café was closed; the naïve visitor waited outside. It's 40 degrees, isn't it? We don't know.
Der Wüstensand weht über die Straße. 骆驼 走 路。 Верблюд идёт по пустыне.
""".split("\n")

CASES = [
    "",
    " ",
    "  ",
    "camel",
    "The camels walk.",
    " The camels walk.",
    "the  camel   thinks",
    "walking walked walks unwalkable",
    "It's 40 degrees, isn't it? We don't know!",
    "A CAMEL IN CAPITALS",
    "café CAFÉ cafe\u0301 naïve Straße",
    "骆驼走路。camel骆驼",
    "Верблюд идёт",
    "emoji 🐪 and 🐫🐫, then ☃",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "x=(a+b)*2; y_1 -= 3.5e-7",
    "camel" * 40,
    "\u00a0no-break\u2003space",
]


def byte_tokens():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def sentence_piece():
    """Merging by score, as list of rules: a token's parts are joined in the order of its score."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>"], show_progress=False)
    )
    pieces = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    # One character is left out, to be spelt in bytes.
    pieces = [piece for piece, _ in pieces if piece != "<unk>" and "骆" not in piece]
    words = [piece for piece in pieces if len(piece) > 1]
    chars = [piece for piece in pieces if len(piece) == 1]
    tokens = ["<unk>", "<s>", "</s>", *byte_tokens(), *words, *chars]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * (len(words) + len(chars))]
    scores = [0.0] * 259 + [-float(n) for n in range(len(words) + len(chars))]
    ids = {token: id for id, token in enumerate(tokens)}
    merges = [
        (word[:n], word[n:])
        for word in words
        for n in range(1, len(word))
        if word[:n] in ids and word[n:] in ids
    ]
    oracle = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True))
    oracle.normalizer = normalizers.Sequence(
        [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
    )
    return {"model": "llama", "tokens": tokens, "kinds": kinds, "scores": scores}, oracle


def word_piece():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    oracle = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    oracle.normalizer = normalizers.BertNormalizer()
    oracle.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    oracle.train_from_iterator(
        CORPUS,
        trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False),
    )
    pieces = [piece for piece, _ in sorted(oracle.get_vocab().items(), key=lambda item: item[1])]
    to_gguf = lambda piece: piece[2:] if piece.startswith("##") else SPACE + piece
    tokens = [piece if piece in special else to_gguf(piece) for piece in pieces]
    kinds = [CONTROL if token in special else NORMAL for token in tokens]
    keys = {"unknown_token_id": 1, "cls_token_id": 2, "seperator_token_id": 3}
    return {"model": "bert", "tokens": tokens, "kinds": kinds, "keys": keys}, oracle


def unigram():
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    trained.train_from_iterator(CORPUS, trainer)
    pieces = json.loads(trained.to_str())["model"]["vocab"]
    pieces = [(piece, score) for piece, score in pieces if piece != "<unk>" and "骆" not in piece]
    vocab = [("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *pieces]
    oracle = Tokenizer(models.Unigram(vocab, 2, False))
    oracle.normalizer = normalizers.Replace(Regex("\\s"), " ")
    oracle.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokens = [piece for piece, _ in vocab]
    kinds = [CONTROL, CONTROL, UNKNOWN, *[NORMAL] * len(pieces)]
    keys = {"unknown_token_id": 2, "add_space_prefix": True, "remove_extra_whitespaces": True}
    scores = [score for _, score in vocab]
    return {"model": "t5", "tokens": tokens, "kinds": kinds, "scores": scores, "keys": keys}, oracle


def main():
    for make in (sentence_piece, word_piece, unigram):
        vocabulary, oracle = make()
        cases = CASES
        if make is unigram:
            # Other white space is the business of a table that this vocabulary does not have.
            cases = [case for case in CASES if "\u00a0" not in case]
        encode = lambda text: oracle.encode(text, add_special_tokens=False).ids
        if make is sentence_piece:
            # The reference puts no space before a text of no characters.
            cases = [case for case in CASES if case]
        golden = {
            "oracle": "tokenizers 0.23.3 (Python), by make_golden.py",
            **vocabulary,
            "cases": [{"text": text, "ids": encode(text)} for text in cases],
        }
        text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
        Path(__file__).with_name(f"{make.__name__}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
