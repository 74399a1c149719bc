"""The words of the `demo:reviews` grammar. Each pair is (praise, blame)."""

ADJECTIVES = (
    ("superb", "dreadful"), ("brilliant", "dull"), ("wonderful", "terrible"),
    ("charming", "tiresome"), ("clever", "stupid"), ("gripping", "boring"),
    ("fresh", "stale"), ("moving", "cold"), ("funny", "lame"),
    ("graceful", "clumsy"), ("lively", "lifeless"), ("convincing", "hollow"),
    ("delightful", "painful"), ("splendid", "shabby"), ("sharp", "sloppy"),
    ("magical", "dreary"),
)  # fmt: skip

FEELINGS = (
    ("thrilled", "bored"), ("delighted", "annoyed"), ("touched", "irritated"),
    ("impressed", "disappointed"), ("charmed", "exhausted"), ("happy", "angry"),
)  # fmt: skip

# What a part of a film does to the whole, in its plain form.
DEEDS = (
    ("save", "sink"), ("lift", "spoil"), ("help", "hurt"), ("rescue", "ruin"),
)  # fmt: skip

ASPECTS = (
    "plot", "acting", "music", "dialogue", "camera work", "ending", "opening", "cast",
    "script", "story", "editing", "pace", "humour", "villain", "hero", "love story",
    "final scene", "sound", "costume design", "narrator", "chase", "first act",
)  # fmt: skip

WORKS = ("film", "movie", "sequel", "series", "remake", "musical")

CRITICS = ("critics", "papers", "posters", "trailers", "neighbours", "reviewers")

PLACES = (
    "at home", "at the cinema", "on a plane", "on a train", "in a hotel", "at school",
    "in the rain", "at a festival", "in an empty hall", "at my desk",
)  # fmt: skip

COMPANY = (
    "with my sister", "with two friends", "alone", "with my father", "with my class",
    "with the dog", "with a colleague", "with my aunt", "with the kids",
)  # fmt: skip

TIMES = (
    "last night", "on sunday", "in march", "yesterday", "a week ago", "this morning",
    "on my birthday", "last summer", "after work", "on friday",
)  # fmt: skip
