"""Texts for the tests: hypothesis strings that are hard on a tokenizer."""

import unicodedata

from hypothesis import strategies as st

# Libraries differ in the Unicode version of their tables: a letter that one knows may be an unassigned
# code point to another. So only characters that were assigned in Unicode 14.
_characters = st.characters(exclude_categories=["Cs", "Cn"]).filter(lambda c: unicodedata.category(c) != "Cn")
_pieces = st.one_of(
    st.text(_characters, max_size=8),
    st.text("abcdefgh THE'sé.,!?123\n\t\r ", max_size=12),
    st.sampled_from(
        [
            " the cat",
            "I'LL we're ſ 'ſ 'S",
            "👩‍👩‍👧‍👦 🇧🇷",
            "e\u0301\u0327 क्षि",
            "  \u00a0\u2003\u3000 ",
            "\x1c\x1d\x85\u2028\ufeff\x00",
            "漢字かな交じり文",
            "1234567890 ½²٣",
            "a" * 70,
            " " * 33 + "x",
            "\r\n\r\n \n",
            "camelCaseWord HTTPServer/Path",
            "<|begin|><|end|><s></s>[INST]",
            "ǅ ʰ ª ﬀ",
        ]
    ),
)
texts = st.lists(_pieces, max_size=8).map("".join)
