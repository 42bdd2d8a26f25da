"""The 28 kinds of product: their forms, what each can be made of, where it belongs, and what it costs."""

# Kind -> form -> styles that make it, by their first letters (D is art deco).
FORMS: dict[str, dict[str, str]] = {
    "mug": {"straight": "SJ", "tapered": "JMD", "round": "SBR", "enamel": "IR", "tall": "MDB"},
    "bowl": {"deep": "SJI", "shallow": "JMI", "footed": "DM", "round": "SBR", "flared": "BD"},
    "plate": {"coupe": "SJ", "rimmed": "RDM", "deep": "SIJ", "scalloped": "DB", "upright": "IMBR"},
    "tray": {"round": "MDB", "rectangle": "SIR", "oval": "SDM", "lipped": "JI"},
    "board": {"paddle": "RSB", "round": "BJM", "rectangle": "IRDM", "long": "SJID"},
    "teapot": {"round": "SRB", "cylinder": "SIMJ", "low": "JI", "tall": "DM", "pear": "DBR"},
    "kettle": {"gooseneck": "SJI", "dome": "RBS", "ball": "MB", "cone": "DM", "drum": "IRJ"},
    "bottle": {"decanter": "DR", "square": "DI", "carafe": "SMB", "flask": "IMB", "slim": "SJR"},
    "jar": {"canister": "SIJM", "ginger": "DB", "pot": "JRB", "apothecary": "DI", "urn": "RM"},
    "vase": {
        "bottle": "SMB", "amphora": "RB", "gourd": "MJ", "cylinder": "SID", "ball": "JID", "trumpet": "DM",
        "tulip": "SR",
    },
    "planter": {"tapered": "RBI", "bowl": "JB", "cylinder": "SID", "on legs": "SM", "egg": "MDJ"},
    "candle": {"glass": "SIMD", "tin": "IRS", "pillar": "RBJ", "trio": "BJD"},
    "candlestick": {
        "column": "SJI", "turned": "RMB", "chamber": "RI", "cone": "SMJ", "beads": "BDM", "three arms": "DI",
    },
    "basket": {"round": "RB", "straight": "SIM", "belly": "BJ", "low": "SRJ", "bottle": "DMI"},
    "clock": {"round": "SJIMBR", "sun": "MDB", "square": "IMS", "arched": "DRJ"},
    "mirror": {"round": "SMI", "arch": "SBR", "rectangle": "IRJ", "pebble": "JM", "sunburst": "DB"},
    "print": {"portrait": "SMBDR", "landscape": "IRM", "square": "SJB", "tall": "DJI"},
    "shelf": {"bracket": "SIR", "cube": "MJ", "ladder": "SBJ", "rack": "IDRMB"},
    "lamp": {
        "gourd": "BR", "column": "DIS", "ball": "MJR", "hourglass": "DB", "dome": "MD", "arm": "IS", "tripod": "SJ",
    },
    "pendant": {"dome": "IRM", "globe": "MDS", "cone": "SI", "woven": "BJ", "bell": "RD", "saucer": "MSJ"},
    "chair": {"shell": "SMD", "ladder": "RJB", "spindle": "SRB", "panel": "IJDM"},
    "armchair": {"lounge": "MSJ", "tub": "DSB", "club": "IMJ", "wing": "RDB"},
    "stool": {"bar": "IS", "milking": "RSJ", "spool": "BJD", "padded": "DMBR"},
    "table": {"three legs": "SMR", "column": "DM", "drum": "BDI", "long": "SIJR", "block": "JBR"},
    "cushion": {"square": "SJIMBDR", "lumbar": "SJMIR", "round": "DBM", "bolster": "JDI"},
    "rug": {"rectangle": "SJIMBDR", "round": "JMB", "runner": "RIS", "oval": "DSM"},
    "pouf": {"knitted": "SRJ", "segments": "BMI", "drum": "DMS", "cube": "IJR"},
    "speaker": {"radio": "MRI", "on legs": "MD", "tower": "ID", "cylinder": "SJB", "strap": "SBR"},
}  # fmt: skip

ROOMS = {
    "kitchen": ("board", "kettle", "jar", "basket", "tray", "teapot"),
    "dining room": ("mug", "bowl", "plate", "bottle", "candlestick", "pendant"),
    "living room": ("cushion", "rug", "pouf", "armchair", "table", "candle"),
    "hallway": ("mirror", "print", "vase", "planter", "clock"),
    "study": ("shelf", "lamp", "chair", "stool", "speaker"),
}
PRICES = {
    "mug": 15, "bowl": 22, "plate": 18, "tray": 42, "board": 36, "teapot": 58, "kettle": 69, "bottle": 39, "jar": 29,
    "vase": 45, "planter": 39, "candle": 24, "candlestick": 34, "basket": 44, "clock": 79, "mirror": 129, "print": 65,
    "shelf": 189, "lamp": 109, "pendant": 139, "chair": 179, "armchair": 589, "stool": 109, "table": 239, "cushion": 39,
    "rug": 219, "pouf": 129, "speaker": 259,
}  # fmt: skip

# Kind -> material -> styles, by their first letters; "wood" and "metal" are one of the style's.
MATERIALS: dict[str, dict[str, str]] = {
    "mug": {"ceramic": "SJIMBDR"}, "plate": {"ceramic": "SJIMBDR"},
    "bowl": {"ceramic": "SJIMBDR", "wood": "JR", "marble": "D"},
    "tray": {"wood": "SJIMBR", "lacquer": "SIMD", "marble": "D"},
    "board": {"wood": "SJIMBR", "marble": "D", "black marble": "D"},
    "teapot": {"ceramic": "SJIMBDR", "cast iron": "JI"},
    "kettle": {"ceramic": "SMBRD", "metal": "IDB", "cast iron": "JR"},
    "bottle": {"glass": "SJIMBDR", "ceramic": "SJBR"}, "jar": {"ceramic": "SJMBDR", "glass": "I", "metal": "I"},
    "vase": {"ceramic": "SJIMBDR", "clay": "BRJ", "glass": "SMD", "concrete": "I"},
    "planter": {"ceramic": "SJMBD", "clay": "BR", "concrete": "IJ", "metal": "ID"},
    "candle": {"glass": "SMDB", "ceramic": "SJBR", "concrete": "I", "metal": "IRD"},
    "candlestick": {"metal": "IMDR", "wood": "SRMJ", "ceramic": "SJB", "cast iron": "JI"},
    "basket": {"rattan": "SJIMBDR"}, "clock": {"paint": "SJIMBDR", "wood": "SJR", "marble": "D"},
    "mirror": {"wood": "SJRMB", "metal": "IDSM"}, "print": {"paint": "SJIMBDR"},
    "shelf": {"wood": "SJIMBDR", "marble": "D"},
    "lamp": {"ceramic": "SJMBDR", "concrete": "I", "wood": "SJR", "marble": "D"},
    "pendant": {"lacquer": "SIMDR", "metal": "ID", "ceramic": "JR"},
    "chair": {"wood": "SJRB", "paint": "SM", "leather": "IM", "linen": "SJMR", "velvet": "DMB"},
    "armchair": {"weave": "SJMBDR", "leather": "IMR", "velvet": "D"},
    "stool": {"wood": "SJIRB", "weave": "MBDR"},
    "table": {"wood": "SJIMBDR", "marble": "D", "black marble": "D"},
    "cushion": {"weave": "SJIMBDR"}, "rug": {"pile": "SJIMBDR"},
    "pouf": {"weave": "SJMBDR", "leather": "IM", "knit": "SJ"}, "speaker": {"wood": "MIRJBD", "paint": "SIMJD"},
}  # fmt: skip
FORM_MATERIALS = {
    ("mug", "enamel"): "ceramic", ("jar", "apothecary"): "glass",
    ("lamp", "dome"): "lacquer", ("lamp", "arm"): "lacquer", ("lamp", "tripod"): "wood",
    ("pendant", "woven"): "rattan", ("pendant", "globe"): "opal glass",
    ("candle", "pillar"): "wax", ("candle", "trio"): "wax", ("stool", "milking"): "wood", ("stool", "spool"): "wood",
    ("stool", "bar"): "wood", ("stool", "padded"): "weave", ("table", "block"): "wood", ("pouf", "knitted"): "knit",
    ("chair", "spindle"): "wood", ("candlestick", "three arms"): "metal", ("candlestick", "chamber"): "metal",
    ("speaker", "cylinder"): "paint",
}  # fmt: skip
