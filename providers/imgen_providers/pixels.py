"""The exact size of each model's pictures, by resolution and aspect: data only.

Seed 004 (GPTProto, the page read on 2026-11-20) copies Google's own tables. The sizes are the models',
so they hold at every service.
"""

from __future__ import annotations

PixelTable = dict[str, dict[str, tuple[int, int]]]
"""Resolution, then aspect, to (width, height) in pixels."""

TEN_ASPECTS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
EXTREME_ASPECTS = ("1:4", "4:1", "1:8", "8:1")
FOURTEEN_ASPECTS = TEN_ASPECTS + EXTREME_ASPECTS

GEMINI_25_FLASH: PixelTable = {
    "1K": {
        "1:1": (1024, 1024),
        "2:3": (832, 1248),
        "3:2": (1248, 832),
        "3:4": (864, 1184),
        "4:3": (1184, 864),
        "4:5": (896, 1152),
        "5:4": (1152, 896),
        "9:16": (768, 1344),
        "16:9": (1344, 768),
        "21:9": (1536, 672),
    },
}
GEMINI_31_FLASH: PixelTable = {
    "0.5K": {
        "1:1": (512, 512),
        "1:4": (256, 1024),
        "1:8": (192, 1536),
        "2:3": (424, 632),
        "3:2": (632, 424),
        "3:4": (448, 600),
        "4:1": (1024, 256),
        "4:3": (600, 448),
        "4:5": (464, 576),
        "5:4": (576, 464),
        "8:1": (1536, 192),
        "9:16": (384, 688),
        "16:9": (688, 384),
        "21:9": (792, 336),
    },
    "1K": {
        "1:1": (1024, 1024),
        "1:4": (512, 2048),
        "1:8": (384, 3072),
        "2:3": (848, 1264),
        "3:2": (1264, 848),
        "3:4": (896, 1200),
        "4:1": (2048, 512),
        "4:3": (1200, 896),
        "4:5": (928, 1152),
        "5:4": (1152, 928),
        "8:1": (3072, 384),
        "9:16": (768, 1376),
        "16:9": (1376, 768),
        "21:9": (1584, 672),
    },
    "2K": {
        "1:1": (2048, 2048),
        "1:4": (1024, 4096),
        "1:8": (768, 6144),
        "2:3": (1696, 2528),
        "3:2": (2528, 1696),
        "3:4": (1792, 2400),
        "4:1": (4096, 1024),
        "4:3": (2400, 1792),
        "4:5": (1856, 2304),
        "5:4": (2304, 1856),
        "8:1": (6144, 768),
        "9:16": (1536, 2752),
        "16:9": (2752, 1536),
        "21:9": (3168, 1344),
    },
    "4K": {
        "1:1": (4096, 4096),
        "1:4": (2048, 8192),
        "1:8": (1536, 12288),
        "2:3": (3392, 5056),
        "3:2": (5056, 3392),
        "3:4": (3584, 4800),
        "4:1": (8192, 2048),
        "4:3": (4800, 3584),
        "4:5": (3712, 4608),
        "5:4": (4608, 3712),
        "8:1": (12288, 1536),
        "9:16": (3072, 5504),
        "16:9": (5504, 3072),
        "21:9": (6336, 2688),
    },
}
# Its price list has 1K only, and Google's table no row of its own: those of 3.1 Flash (reference 5.1, GPTProto 6).
GEMINI_31_FLASH_LITE: PixelTable = {"1K": GEMINI_31_FLASH["1K"]}
# Where the two models share a resolution, Gemini 3 Pro draws the same sizes, without the extremes.
GEMINI_3_PRO: PixelTable = {
    resolution: {aspect: size for aspect, size in row.items() if aspect not in EXTREME_ASPECTS}
    for resolution, row in GEMINI_31_FLASH.items()
    if resolution != "0.5K"
}

# Nano Banana 2.1 draws the sizes of 3.1 Flash, and has no 0.5K (reference of the direct services, 1.1, 2026-11-25).
NANO_BANANA_21: PixelTable = {resolution: row for resolution, row in GEMINI_31_FLASH.items() if resolution != "0.5K"}

# Ours: any size is taken whose sides are divisible by 16, from 1:3 to 3:1 and up to 3840x2160 (the same reference,
# 2.2). 1:1, 3:2 and 2:3 at 1K are the three that its documents name.
GPT_IMAGE: PixelTable = {
    "1K": {
        "1:1": (1024, 1024),
        "3:2": (1536, 1024),
        "2:3": (1024, 1536),
        "4:3": (1152, 864),
        "3:4": (864, 1152),
        "5:4": (1120, 896),
        "4:5": (896, 1120),
        "16:9": (1792, 1008),
        "9:16": (1008, 1792),
        "21:9": (1344, 576),
    },
    "2K": {
        "1:1": (1920, 1920),
        "3:2": (2304, 1536),
        "2:3": (1536, 2304),
        "4:3": (2176, 1632),
        "3:4": (1632, 2176),
        "5:4": (2080, 1664),
        "4:5": (1664, 2080),
        "16:9": (2560, 1440),
        "9:16": (1440, 2560),
        "21:9": (2688, 1152),
    },
}
