"""The process that asks a model. It knows neither Django nor DCT's database: a task comes on its standard input, and
what it does goes out as JSON lines.
"""
