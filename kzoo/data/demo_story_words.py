"""The words of the `demo:stories` grammar."""

# (name, he, him, his)
_HE, _SHE = ("he", "him", "his"), ("she", "her", "her")
NAMES = tuple(
    (name, *pronouns)
    for pronouns, names in (
        (_SHE, "Ada Bella Cora Dina Elsa Fay Greta Hilda Ida Juno Kara Lotte Mona Nell "
               "Olga Pia Rosa Selma Tilda Una"),
        (_HE, "Anton Boris Carl Dario Emil Finn Gustav Hugo Igor Jonas Karl Leo Milo "
              "Nils Otto Paul Quin Rufus Sven Theo"),
    )
    for name in names.split()
)  # fmt: skip

KINDS = (
    "fox", "hare", "mouse", "bear", "goat", "duck", "owl", "badger", "otter", "cat",
    "girl", "boy", "baker", "miller", "fisher", "shepherd", "tailor", "gardener",
)  # fmt: skip
_BOYS, _GIRLS = ("boy",), ("girl",)
NOT_KINDS = {"he": _GIRLS, "she": _BOYS}

# Trait: (how it is said, how it shows at the end).
TRAITS = {
    "brave": "not afraid of anything",
    "shy": "a little less shy than before",
    "proud": "too proud to say thank you at first",
    "kind": "glad to share",
    "greedy": "ready to share for the very first time",
    "patient": "glad to have waited",
    "curious": "already asking the next question",
    "lazy": "so tired that nobody saw a yawn like it",
    "merry": "singing all the way",
    "clever": "full of new plans",
}

PLACES = (
    "by the river", "at the edge of the forest", "on a green hill", "near the old mill",
    "in a village by the sea", "behind the castle", "in a valley full of snow",
    "on a small island", "next to the station", "in a house of stone",
    "under a great oak", "at the end of a long road",
)  # fmt: skip

TIMES = (
    "One morning", "One evening", "On a cold day", "On a summer day", "One night",
    "In early spring", "On the first day of winter", "On market day",
    "On a rainy afternoon", "Just before dawn",
)  # fmt: skip

THINGS = (
    "golden ring", "red kite", "silver bell", "blue cup", "wooden boat", "paper crown",
    "green lamp", "small drum", "brass key", "white shell", "glass marble", "old book",
    "warm hat", "tin soldier", "yellow ball", "copper coin", "striped scarf",
    "round mirror",
)  # fmt: skip

WHY_DEAR = (
    "It had been a present from {his} grandmother.",
    "{He} had made it with {his} own hands.",
    "{He} had found it on the beach long ago.",
    "There was no other like it in the land.",
    "{He} took it along wherever {he} went.",
)  # fmt: skip

# What happens to the thing: (mishap, first try and why it fails, tool, how it is
# solved). Every mishap has one tool that helps, which a reader learns.
MISHAPS = (
    ("the {thing} fell into a deep well",
     "{He} leaned over the edge, but the water was too far down",
     "rope", "They let down the rope and pulled the {thing} up"),
    ("the wind blew the {thing} into a tall tree",
     "{He} jumped and jumped, but the branch was too high",
     "ladder", "They climbed up the ladder and picked the {thing} from the branch"),
    ("the {thing} rolled under a heavy stone",
     "{He} pushed with all {his} strength, but the stone was too heavy",
     "pole", "They lifted the stone with the pole and took out the {thing}"),
    ("a magpie carried the {thing} off to its nest",
     "{He} shouted and waved, but the magpie only laughed",
     "loaf of bread", "They gave the magpie the bread, and it gave back the {thing}"),
    ("the {thing} slipped into the river and floated away",
     "{He} ran along the bank, but the water was too fast",
     "net", "They threw the net and drew the {thing} out of the water"),
    ("the {thing} was locked up in a chest",
     "{He} pulled at the lid, but the lock was too strong",
     "bent wire", "They opened the lock with the wire and found the {thing} inside"),
    ("{he} lost the {thing} in a dark cave",
     "{He} felt along the wall, but it was too dark to see",
     "lantern", "They held up the lantern and saw the {thing} at once"),
    ("snow fell all night and buried the {thing}",
     "{He} dug with bare hands, but the snow was too deep",
     "shovel", "They dug with the shovel until they came upon the {thing}"),
    ("the {thing} broke into two pieces",
     "{He} pressed the pieces together, but they would not hold",
     "pot of glue", "They put on the glue, and the {thing} was whole again"),
    ("the {thing} fell into the mud and turned black",
     "{He} rubbed it on the grass, but the mud was too thick",
     "bucket of water", "They washed it with the water until the {thing} was clean"),
)  # fmt: skip

FRIENDS = (
    "neighbour", "cousin", "old teacher", "friend", "best friend", "godchild",
)  # fmt: skip

ENDINGS = (
    "From that day on, {he} never let the {thing} out of {his} sight.",
    "That night {he} slept with the {thing} beside {his} bed.",
    "The next day {he} baked a cake for {friend}.",
    "And the {thing}? It hangs over {his} door to this day.",
    "Since then {name} and {friend} have been the best of friends.",
    "{He} told the story of the {thing} to everyone who would listen.",
)  # fmt: skip
