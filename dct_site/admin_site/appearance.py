"""How the admin looks: the product's name, mark and plum over the theme's grey."""

from typing import Any

_PLUM = {
    "50": "#faf4f8",
    "100": "#f6eaf2",
    "200": "#ecd3e4",
    "300": "#ddb9d2",
    "400": "#e2a3d1",
    "500": "#a2478c",
    "600": "#7a2c68",
    "700": "#64225a",
    "800": "#511c49",
    "900": "#35202f",
    "950": "#24101f",
}
_WARM = {
    "50": "#faf9f6",
    "100": "#f5f4f1",
    "200": "#e4e0d9",
    "300": "#cdc7bd",
    "400": "#9a948a",
    "500": "#696359",
    "600": "#544f48",
    "700": "#3a3733",
    "800": "#26252a",
    "900": "#1a1a1e",
    "950": "#121214",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "DCT admin",
    "SITE_HEADER": "DCT admin",
    "SITE_SUBHEADER": "Dynamic Context Triggers",
    "SITE_URL": "/",
    "SITE_ICON": "dct_site.admin_site.marks.logo",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "dct_site.admin_site.marks.logo"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": _PLUM, "base": _WARM},
    "SIDEBAR": {"show_search": False, "navigation": "dct_site.admin_site.sidebar.groups"},
}
