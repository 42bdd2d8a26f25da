"""Titles and descriptions as a shop writes them, from what a product is made of."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from molar.assets.studio.design import Design

NOUNS = {
    "mug": "mug", "bowl": "bowl", "plate": "plate", "tray": "tray", "board": "chopping board", "teapot": "teapot",
    "kettle": "kettle", "bottle": "carafe", "jar": "storage jar", "vase": "vase", "planter": "planter",
    "candle": "candle", "candlestick": "candlestick", "basket": "basket", "clock": "clock", "mirror": "mirror",
    "print": "framed print", "shelf": "shelf", "lamp": "table lamp", "pendant": "pendant lamp", "chair": "chair",
    "armchair": "armchair", "stool": "stool", "table": "table", "cushion": "cushion", "rug": "rug", "pouf": "pouf",
    "speaker": "speaker",
}  # fmt: skip

# What a form is called before or instead of the noun; {} stands for the noun.
_FORM_NAMES = {
    ("mug", "straight"): "straight-sided {}", ("mug", "tapered"): "tapered {}", ("mug", "round"): "belly {}",
    ("mug", "enamel"): "camp {}", ("mug", "tall"): "latte {}", ("mug", "barrel"): "barrel {}",
    ("mug", "bell"): "bell {}",
    ("bowl", "deep"): "deep {}", ("bowl", "shallow"): "serving {}", ("bowl", "footed"): "footed {}",
    ("bowl", "round"): "rice {}", ("bowl", "flared"): "flared {}", ("plate", "coupe"): "coupe {}",
    ("plate", "rimmed"): "dinner {}", ("plate", "deep"): "pasta {}", ("plate", "scalloped"): "scalloped {}",
    ("plate", "upright"): "straight-rimmed {}", ("tray", "round"): "round {} with handles",
    ("tray", "rectangle"): "butler's {}", ("tray", "oval"): "oval {}", ("tray", "lipped"): "breakfast {}",
    ("board", "paddle"): "paddle board", ("board", "round"): "round board", ("board", "rectangle"): "{}",
    ("board", "long"): "serving board", ("teapot", "cylinder"): "straight {}", ("teapot", "low"): "bail-handled {}",
    ("teapot", "tall"): "coffee pot", ("teapot", "pear"): "pear {}", ("kettle", "gooseneck"): "gooseneck {}",
    ("kettle", "cone"): "pour-over {}", ("kettle", "drum"): "stovetop {}", ("kettle", "dome"): "whistling {}",
    ("bottle", "decanter"): "decanter", ("bottle", "square"): "square decanter", ("bottle", "flask"): "long-necked {}",
    ("bottle", "slim"): "bottle", ("jar", "canister"): "canister", ("jar", "ginger"): "ginger jar",
    ("jar", "pot"): "lidded pot", ("jar", "apothecary"): "apothecary jar", ("vase", "amphora"): "amphora {}",
    ("vase", "bottle"): "bottle {}", ("vase", "gourd"): "gourd {}", ("vase", "cylinder"): "cylinder {}",
    ("vase", "ball"): "moon {}", ("vase", "trumpet"): "trumpet {}", ("vase", "tulip"): "tulip {}",
    ("planter", "on legs"): "{} on a stand", ("planter", "bowl"): "bowl {}", ("planter", "egg"): "egg {}",
    ("candle", "tin"): "travel {}", ("candle", "pillar"): "pillar {}", ("candle", "trio"): "set of three candles",
    ("candle", "glass"): "scented {}", ("candlestick", "chamber"): "chamberstick",
    ("candlestick", "three arms"): "three-armed candelabra", ("candlestick", "turned"): "turned {}",
    ("candlestick", "beads"): "beaded {}", ("basket", "low"): "bread {}", ("basket", "belly"): "belly {}",
    ("basket", "straight"): "laundry {}", ("basket", "bottle"): "tall {}", ("clock", "sun"): "sunburst {}",
    ("clock", "square"): "square wall {}", ("clock", "arched"): "mantel {}", ("clock", "round"): "wall {}",
    ("mirror", "round"): "round {}", ("mirror", "arch"): "arched {}", ("mirror", "pebble"): "pebble {}",
    ("mirror", "sunburst"): "sunburst {}", ("mirror", "rectangle"): "hall {}", ("print", "landscape"): "landscape {}",
    ("print", "square"): "square {}", ("print", "tall"): "tall {}", ("shelf", "bracket"): "wall shelf",
    ("shelf", "cube"): "cube shelf", ("shelf", "ladder"): "leaning shelf", ("shelf", "rack"): "bookcase",
    ("lamp", "dome"): "mushroom lamp", ("lamp", "arm"): "desk lamp", ("lamp", "tripod"): "tripod lamp",
    ("pendant", "globe"): "globe pendant", ("pendant", "woven"): "woven pendant", ("pendant", "dome"): "dome pendant",
    ("pendant", "cone"): "cone pendant", ("pendant", "saucer"): "saucer pendant", ("chair", "shell"): "shell {}",
    ("chair", "ladder"): "ladder-back {}", ("chair", "spindle"): "spindle-back {}", ("chair", "panel"): "dining {}",
    ("armchair", "lounge"): "lounge chair", ("armchair", "tub"): "tub chair", ("armchair", "club"): "club chair",
    ("armchair", "wing"): "wing chair", ("stool", "bar"): "bar {}", ("stool", "milking"): "three-legged {}",
    ("stool", "spool"): "spool {}", ("stool", "padded"): "padded {}", ("table", "three legs"): "side {}",
    ("table", "column"): "pedestal {}", ("table", "drum"): "drum {}", ("table", "long"): "coffee {}",
    ("table", "block"): "block {}", ("cushion", "lumbar"): "lumbar {}", ("cushion", "round"): "round {}",
    ("cushion", "bolster"): "bolster", ("rug", "round"): "round {}", ("rug", "runner"): "runner",
    ("rug", "oval"): "oval {}",
    ("pouf", "segments"): "segmented {}", ("pouf", "drum"): "drum {}", ("pouf", "cube"): "cube {}",
    ("speaker", "tower"): "floor {}", ("speaker", "strap"): "portable {}", ("speaker", "cylinder"): "cylinder {}",
    ("speaker", "radio"): "tabletop {}",
}  # fmt: skip
PATTERN_NAMES = {
    "speckled": "speckled", "dipped": "dipped", "bands": "banded", "stripes": "striped", "pinstripes": "pinstripe",
    "checks": "checked", "tartan": "tartan", "grid": "grid", "chevron": "chevron", "dots": "dotted",
    "diamonds": "diamond", "kilim": "kilim", "fans": "scalloped-fan", "arches": "rainbow", "pebbles": "pebble",
    "leaves": "leaf", "rays": "sunray", "greek": "nested-square", "border": "bordered", "medallion": "medallion",
    "print": "hills-and-sun", "lines": "line-drawing", "inlay": "inlaid", "roman": "Roman-numeral",
    "numerals": "numbered", "tassels": "tasselled",
}  # fmt: skip
_RELIEFS = {"wobble": "hand-thrown", "flutes": "fluted", "ribs": "ribbed", "facets": "faceted"}
_TITLES = (
    "{color} {look} {noun}",
    "{series} {noun}, {color}",
    "{look} {noun} in {stuff}",
    "{series} {look} {noun} in {color}",
    "{noun} {series} in {stuff}",
    "{material} {noun}, {look}, {color}",
)
_OPENINGS = (
    "A {mood} {noun} for the {room}, in {stuff}.",
    "{Mood} and made to stay: a {noun} of {stuff}.",
    "Our {series} {noun} brings a {mood} note to any {room}.",
    "{Stuff}, shaped into a {mood} {noun}.",
    "The {series} series grows: this {noun} comes in {color}.",
    "Made for {style} rooms, and at home in every {room}.",
    "You asked for a {mood} {noun} in {color}; here it is.",
    "Small batches, {stuff}, and a {mood} hand.",
    "The {noun} that finishes a {mood} {room}.",
    "{Stuff} and a {mood} outline: that is all this {noun} needs.",
)
_PLAIN = (
    "Left plain, so that the {material} can speak.", "No pattern, no fuss.", "The surface is plain and even.",
    "One colour all over.", "It goes with almost everything.", "Every edge is softened by hand.",
    "Simple enough for every day.", "",
)  # fmt: skip
_PATTERNED = (
    "The {pattern} pattern makes each side a little different.",
    "With a {pattern} pattern in contrasting colours.",
    "Its {pattern} pattern is what people notice first.",
    "The {pattern} finish is done by hand.",
    "{Pattern} from edge to edge.",
)
_DETAILS = {
    "kitchen": ("Dishwasher-safe.", "Easy to wipe clean.", "Comes in a plain cardboard box.", "Safe with food."),
    "dining room": ("Dishwasher-safe.", "Sits well beside the rest of the series.", "Sold singly."),
    "living room": (
        "Delivered in two parcels.",
        "Felt pads included.",
        "Spare covers on request.",
        "Ten-year guarantee.",
    ),
    "hallway": ("Fixings included.", "Hang it straight from the box.", "Packed without plastic."),
    "study": ("Delivered ready to use.", "Two-year guarantee.", "Repairable, with spare parts in stock."),
}
_SERIES = (
    "Alma", "Birk", "Cove", "Dune", "Elke", "Fable", "Gable", "Hollis", "Inka", "Juno", "Kelda", "Lumen", "Mira",
    "Nord", "Otis", "Pavo", "Quill", "Runa", "Sable", "Tarn", "Una", "Vesper", "Wick", "Yara",
)  # fmt: skip


def noun_of(design: Design) -> str:
    """What it is called, such as "ladder-back chair"."""
    return _FORM_NAMES.get((design.kind, design.form), "{}").format(NOUNS[design.kind])


def look_of(design: Design) -> str:
    """Its relief and pattern in words, or nothing."""
    relief = _RELIEFS.get(design.relief, "") if design.kind not in ("cushion", "pouf") else ""
    return " ".join(filter(None, (relief, PATTERN_NAMES.get(design.pattern, ""))))


def write(
    design: Design, names: Mapping[str, str], moods: tuple[str, ...], rng: np.random.Generator
) -> tuple[str, str]:
    """A title and a description.

    Args:
        design: of the product.
        names: its `color`, `material`, `style` and `room` as the shop says them.
        moods: words for its style.
        rng: chooses the wording.
    """
    pattern, color, material = PATTERN_NAMES.get(design.pattern, ""), names["color"], names["material"]
    words = {**names, "noun": noun_of(design), "look": look_of(design), "pattern": pattern,
             "stuff": material if color == material else f"{color} {material}",
             "series": str(rng.choice(_SERIES)), "mood": str(rng.choice(moods))}  # fmt: skip
    words |= {name.capitalize(): words[name].capitalize() for name in ("mood", "stuff", "pattern")}
    titles = _TITLES[:5] if color == material else _TITLES
    title = _tidy(str(rng.choice(titles)).format(**words))
    look = str(rng.choice(_PATTERNED if pattern else _PLAIN))
    parts = str(rng.choice(_OPENINGS)), look, str(rng.choice(_DETAILS[names["room"]]))
    return title, " ".join(_tidy(part.format(**words)) for part in parts if part)


def _tidy(text: str) -> str:
    """Without the gaps that empty words leave, and with "an" before vowels."""
    text = " ".join(text.split()).replace(" ,", ",").replace(",,", ",").strip(" ,")
    words = text.split(" ")
    for place, (word, following) in enumerate(pairwise(words)):
        if word in ("a", "A") and following[:1].lower() in "aeiou":
            words[place] += "n"
    text = " ".join(words)
    return text[:1].upper() + text[1:]
