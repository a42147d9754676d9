"""Finding the triggers that an event concerns, at a cost that follows the matches. Pure: no Django in this package.

`leaves` says of each condition type how it is answered quickly and what an event must have for it to hold; `program`
compiles a tree to closures; `anchors` picks what a whole tree needs; `tables` look these up; `index` is what they make
together, immutable; `live` keeps one up to date.
"""
