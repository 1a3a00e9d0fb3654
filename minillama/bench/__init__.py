"""How fast this machine trains and writes, and how near that is to what it can: `minillama bench`.

Each file measures one thing and returns a dataclass; `jobs` lists what is to be done, `report`
holds the results, `words` puts them into tables.
"""
