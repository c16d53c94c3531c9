"""A MogileFS tracker for the tests, for mogilefsd itself is packaged nowhere.

It is a process of its own that speaks the tracker's protocol over TCP, keeps its state in a SQLite
file that several trackers share, and really uses the storage nodes: it measures and checks what was
uploaded, watches, replicates and deletes. What it answers was learnt from transcripts of mogilefsd
2.73 on SQLite and on MariaDB, the faults of that one included (tests/servers/data/mogilefs.txt);
test_mogile_tracker.py replays them and lists where the two still differ.

``python -m tests.servers.mogile_tracker DATABASE PORT [--mysql] [--cuts]``

wire       lines, escaping, errors
store      the database
nodes      the storage nodes
files      the commands about files
admin      the commands about domains, classes, hosts and devices
workers    what goes on in the background
faults     what is to go wrong, and the tests' own verbs (``!fault``, ``!counts``, ...)
"""
