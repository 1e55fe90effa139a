"""Faults on command: what goes wrong at a venue, when a test says so.

`model` says what there is, `frames` and `diffs` are what happens to frames (pure), `rest` what happens to requests,
`board` holds those that are active, `journal` writes down what they did, `scenario` reads a file of them.
"""
