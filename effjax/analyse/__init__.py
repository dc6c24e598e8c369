"""What the verb `analyse` does: looks at what an optimizer has found.

`subject` opens a run on a fixed set of its own examples; a file a measure looks at it; `pictures`
draws; `face` puts tables, pictures and analysis.json together.
"""
