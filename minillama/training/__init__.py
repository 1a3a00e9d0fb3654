"""From a config to a trained model: `minillama.training.loop.train` is where it all comes together.

config what a run is asked to be · sources where its texts come from · corpus the texts as tokens ·
setup what is decided before it starts · step one step of learning · validate what it has learned ·
checkpoint saved and read back · loop all of it, as a generator of events · launch the same in a
process of its own
"""
